// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "render.h"
#include "spliced/run/verification.h"

namespace spliced::form {

// null where nothing was checked, and there is nothing to tell of what was written.
[[nodiscard]] Json render_verify(const run::VerifySnapshot& verify);
// What render_verify() made; what is missing stays as it is.
void read_verify(const Json& from, run::VerifySnapshot& out);

}  // namespace spliced::form
