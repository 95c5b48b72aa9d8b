// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "render.h"
#include "spliced/run/snapshot.h"

namespace spliced::form {

// How a device is driven, and what its engines have counted: whatever the kind of engine names.
[[nodiscard]] Json render_engine(const run::StageSnapshot& device);
// The other way round. What is missing, or not what it should be, stays as it is.
void read_engine_figures(const Json& engine, run::StageSnapshot& out);

// Of a device that was recorded when splice was the only engine: its member "splice" in today's form.
[[nodiscard]] Json restore_engine(const Json& splice);

}  // namespace spliced::form
