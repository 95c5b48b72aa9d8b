// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "json_object_reader.h"
#include "spec_form.h"
#include "spliced/plan/spec.h"

namespace spliced::form {

// The members of a job that say what is done on each device: `stages`, or `workload` as a short way of writing one, and
// the `engine` and `error_policy` of those that do not say otherwise. `form` learns how it was written.
void read_stages(JsonObjectReader& fields, plan::JobSpec& spec, SpecForm& form);

}  // namespace spliced::form
