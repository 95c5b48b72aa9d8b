// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "spliced/job/record_form.h"

namespace spliced::api {

// How jobs are written down: specs and figures in the form in which the API answers, the numbers that it does not show
// beside them in a member "record".
[[nodiscard]] job::RecordForm record_form();

}  // namespace spliced::api
