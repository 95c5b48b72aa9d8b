// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>

#include "spliced/device/target.h"
#include "spliced/run/totals.h"

namespace spliced::run {

// What the kernel counted for a target while it was worked on: another opinion of what was moved. On the target's
// thread.
class KernelWitness {
 public:
  explicit KernelWitness(const device::TargetFacts& facts) : facts_(facts) {}  // outlives it

  // `direct`: what is below a file is to be moved to and from.
  void begin(bool direct);
  // Of a device, since then; of a file nothing is known.
  [[nodiscard]] std::optional<device::KernelCounters> device() const;
  // What a file system served from its cache was not measured on any disk: why nothing is known of it, "" when the disk
  // below did what was counted. `reads_count`: the cache held nothing of the target before.
  [[nodiscard]] std::string find_shortfall(const DeviceTotals& totals, bool reads_count) const;

 private:
  const device::TargetFacts& facts_;
  std::optional<device::KernelCounters> device_, below_;  // at the beginning
};

}  // namespace spliced::run
