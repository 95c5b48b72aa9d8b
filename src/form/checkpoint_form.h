// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>

#include "spliced/run/checkpoint.h"

namespace spliced::form {

// What a checkpoint knows beside the cursors of its streams, and their time.
[[nodiscard]] std::string write_counts(const run::Checkpoint& checkpoint);
// That in `out`. false: it is of another version, or damaged.
[[nodiscard]] bool read_counts(const std::string& text, run::Checkpoint& out);

}  // namespace spliced::form
