// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

namespace spliced::form {

// Of a key that fio(1) has and a job definition has not: what to use here, or why there is no such thing. "" for any
// other key. Names as of fio 3.38.
[[nodiscard]] std::string_view fio_hint(std::string_view key);

// What is said of a key that the object at `pointer` has and nobody knows there: fio's meaning of it, or where it
// belongs; "" when neither is known.
[[nodiscard]] std::string key_hint(std::string_view pointer, std::string_view key);

}  // namespace spliced::form
