// SPDX-License-Identifier: Apache-2.0
// What a scrape is told of a device: plain values, copied out of the running machinery.
#pragma once
#include <cstdint>
#include <optional>

#include "spliced/device/target.h"
#include "spliced/run/snapshot.h"
#include "spliced/run/totals.h"
#include "spliced/verdict/verdict.h"

namespace spliced::totals {

struct DeviceTelemetry : run::RunTelemetry {
  device::TargetFacts facts;
  bool gone = false;         // nothing is at its place any more; the facts are the last that were known
  run::DeviceTotals totals;  // since it has been listed
  // Of the last run that ended since it has been listed,
  verdict::Verdict last_verdict = verdict::Verdict::none;
  std::optional<run::WallTime> last_end;  // and when that was
};

// What was counted for devices that are no longer listed.
struct DepartedTotals {
  std::uint64_t bytes = 0, operations = 0, errors = 0;
};

}  // namespace spliced::totals
