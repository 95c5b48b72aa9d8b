// SPDX-License-Identifier: Apache-2.0
// The large figures of devices in JSON: for the store, and for results.
#pragma once
#include <optional>
#include <string>

#include "json.h"
#include "spliced/run/stage_figures.h"

namespace spliced::form {

// `compact`: a column all of whose numbers are the same is that number.
[[nodiscard]] Json render_figures(const run::StageFigures& figures, bool compact = false);
[[nodiscard]] Json render_over_time(const run::OverTime& all);
// Throws nlohmann::json::exception or std::out_of_range where that is not what render_figures() made.
[[nodiscard]] run::StageFigures read_figures(const Json& from);

// As the store keeps them; nothing where it is of another version, or damaged.
[[nodiscard]] std::string write_figures(const run::StageFigures& figures);
[[nodiscard]] std::optional<run::StageFigures> parse_figures(const std::string& text);
[[nodiscard]] std::string write_over_time(const run::OverTime& all);
[[nodiscard]] std::optional<run::OverTime> parse_over_time(const std::string& bytes);

}  // namespace spliced::form
