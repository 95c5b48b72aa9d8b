// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <functional>

#include "pause_watch.h"
#include "spliced/device/thermometer.h"
#include "spliced/run/engine_factory.h"
#include "spliced/util/log.h"
#include "tuning.h"

namespace spliced::run {

// What runs are given from outside. All of it outlives them.
struct Environment {
  util::Clock& clock;
  util::Logger& log;
  EngineFactory engines;
  TuningMemory& tuning;
  const PauseWatch& pauses;
  // Has what was written to a target reach its medium: 0, or an errno. Called on the target's thread, which it may
  // block.
  std::function<int(int fd)> flush;
  // Set once a fault of this host's CPU, memory or engine was proven; null: nobody keeps it.
  std::atomic<bool>* host_untrusted = nullptr;
  // Looks at sysfs alone; called on the target's thread.
  std::function<device::Thermometer(const device::TargetFacts&)> thermometer = [](const device::TargetFacts& facts) {
    return device::Thermometer::of(facts);
  };
};

}  // namespace spliced::run
