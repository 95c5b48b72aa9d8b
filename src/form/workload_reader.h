// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "json_object_reader.h"
#include "spliced/run/io_spec.h"

namespace spliced::form {

// The members of a `workload`; what is not given stays as it is.
void read_workload(JsonObjectReader& fields, run::IoSpec& spec);
// Of what is read in order, however it came to be there: where, in which blocks, and by how many.
void read_place(JsonObjectReader& fields, workload::WorkloadSpec& out);

}  // namespace spliced::form
