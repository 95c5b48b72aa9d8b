// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "pause_watch.h"
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
};

}  // namespace spliced::run
