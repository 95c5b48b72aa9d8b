#pragma once

namespace spliced::daemon {

[[nodiscard]] const char* version();
[[nodiscard]] const char* revision();

}  // namespace spliced::daemon
