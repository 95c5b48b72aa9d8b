// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "render.h"
#include "spliced/job/snapshot.h"

namespace spliced::api {

// How a device is driven, and what its engines have counted: whatever the kind of engine names.
[[nodiscard]] Json render_engine(const run::StageSnapshot& device);

// The same of a device that was recorded when splice was the only engine, as its member "splice".
[[nodiscard]] Json restore_engine(const Json& splice);

}  // namespace spliced::api
