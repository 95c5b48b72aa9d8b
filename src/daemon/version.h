// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace spliced::daemon {

[[nodiscard]] const char* version();
[[nodiscard]] const char* revision();

}  // namespace spliced::daemon
