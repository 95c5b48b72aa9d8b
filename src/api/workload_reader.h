// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "json_object_reader.h"
#include "spliced/run/io_spec.h"

namespace spliced::api {

// The members of a `workload`; what is not given stays as it is.
void read_workload(JsonObjectReader& fields, run::IoSpec& spec);

}  // namespace spliced::api
