// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <stop_token>

#include "spliced/engine/kind.h"

namespace spliced::run {

// Makes the engine of one worker. A test gives a null engine, or one over system calls that fail.
using EngineFactory =
    std::function<std::unique_ptr<engine::Engine>(const engine::EngineConfig&, util::Clock&, std::stop_token)>;

// Of the kind that the job says, over the real kernel.
[[nodiscard]] EngineFactory kernel_engines();

// fdatasync(2): 0, or an errno. Of a device it writes the page cache back and has the device do the same with its own.
[[nodiscard]] int flush_target(int fd);

}  // namespace spliced::run
