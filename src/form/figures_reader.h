// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "render.h"

namespace spliced::form {

// What render_stage() and render_run() made, and earlier versions of them. What is missing, or not what it should be,
// stays as it is; so do names that are not text.
void read_stage(const Json& stage, run::StageSnapshot& out);
void read_run(const Json& device, verdict::DeviceSnapshot& out);
// The list of a member "errors".
[[nodiscard]] std::vector<run::ErrorEntry> read_errors(const Json& list);

// The value of a member, if it is there and of that type.
void read_member(const Json& object, const char* key, std::string& out);
void read_member(const Json& object, const char* key, std::uint64_t& out);
void read_member(const Json& object, const char* key, double& out);
void read_member(const Json& object, const char* key, std::optional<double>& out);
void read_member(const Json& object, const char* key, bool& out);
// The member, or an empty value of that kind.
[[nodiscard]] const Json& object_in(const Json& object, const char* key);
[[nodiscard]] const Json& array_in(const Json& object, const char* key);

}  // namespace spliced::form
