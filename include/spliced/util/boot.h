// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

namespace spliced::util {

// Another one after each boot of the kernel (random(4)); "" where it cannot be read. Thread-safe.
[[nodiscard]] const std::string& boot_id();

}  // namespace spliced::util
