// SPDX-License-Identifier: Apache-2.0
// What the API does not show of devices and stages, and a record of them needs: a member "record" beside what it shows.
#pragma once
#include "json.h"
#include "spliced/verdict/verdict.h"

namespace spliced::form {

inline constexpr const char* kRecord = "record";
[[nodiscard]] Json record_of(const run::StageSnapshot& stage);
void read_record(const Json& record, run::StageSnapshot& out);
// Of a device: with what it is found again by.
[[nodiscard]] Json record_of_device(const verdict::DeviceSnapshot& device);
void read_device_record(const Json& record, verdict::DeviceSnapshot& out);

}  // namespace spliced::form
