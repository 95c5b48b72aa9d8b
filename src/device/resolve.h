// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "open_path.h"
#include "spliced/device/target_admission.h"
#include "spliced/device/usage.h"

namespace spliced::device {

struct Resolved {
  TargetFacts facts;
  util::UniqueFd handle;  // O_PATH: names this very inode from now on, whatever happens to the path
  CreatedFile place;      // of a file that does not exist: where it would be created
  Whereabouts where;
  nlink_t links = 1;
};

// What `path` is, following symbolic links once; refusals of kind (directory, FIFO, …) go to `refusals`.
[[nodiscard]] util::Result<Resolved> resolve(const std::string& path, const BlockTopology& host, const Machine& machine,
                                             std::vector<Refusal>& refusals);

}  // namespace spliced::device
