// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "run/resumption.h"
#include "spliced/device/target_admission.h"

namespace spliced::job {

// How a device that has no number is told from others.
struct OwnPlaces {
  std::vector<run::Witness> done;       // it holds all of these,
  std::vector<run::Witness> in_flight;  // or, where nothing is done, some of these
};

// Where a target is that an earlier daemon worked on, whatever it is called now: a device by the number that was
// assigned to it or its serial, one that has neither by the file behind it or by what the job wrote to it, a file by
// its place and inode. Looks at devices of that size that have no number, within a bound. Errors: missing, where it may
// still come; changed, where it is here and is not what it was; others, where nobody can tell at the moment.
[[nodiscard]] util::Result<std::string> find_again(const device::TargetAdmission& admission,
                                                   const device::TargetFacts& then, const OwnPlaces& places);

}  // namespace spliced::job
