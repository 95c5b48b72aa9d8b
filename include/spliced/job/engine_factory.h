// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <stop_token>

#include "spliced/engine/splice_engine.h"

namespace spliced::job {

// Makes the engine of one worker. A test gives a null engine, or a splice engine over system calls that fail.
using EngineFactory =
    std::function<std::unique_ptr<engine::Engine>(const engine::SpliceConfig&, util::Clock&, std::stop_token)>;

// The splice engine over the real kernel.
[[nodiscard]] EngineFactory splice_engines();

}  // namespace spliced::job
