// SPDX-License-Identifier: Apache-2.0
// What a workload writes, and what is checked.
#pragma once
#include "json_object_reader.h"
#include "spliced/run/stage_spec.h"

namespace spliced::form {

// "random", "zero" or "pattern:HEX"; with "compress" and "header" beside it.
void read_payload(JsonObjectReader& fields, verify::Payload& out);
// `verify` of a workload: "inline", or an object.
void read_inline(JsonObjectReader& fields, run::IoSpec& out);
// A stage that checks.
void read_verify_stage(JsonObjectReader& fields, run::VerifySpec& out);

}  // namespace spliced::form
