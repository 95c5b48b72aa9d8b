// SPDX-License-Identifier: Apache-2.0
// Our errors as the bus has them, and the library's.
#pragma once
#include <sdbus-c++/sdbus-c++.h>

#include <exception>
#include <string>
#include <string_view>

#include "spliced/util/result.h"

namespace spliced::dbus {

[[nodiscard]] const char* error_name(util::Errc code);
// "AccessDenied", "Invalid": the last part of the name.
[[nodiscard]] std::string short_name(util::Errc code);
// Bounded, and of text that the bus takes.
[[nodiscard]] sdbus::Error to_bus(const util::Error& error);
void refuse(const sdbus::MethodCall& call, const util::Error& error);

// The library ends the process when a handler throws anything but its own error.
template <class Body>
auto guarded(Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const sdbus::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw sdbus::Error(error_name(util::Errc::internal), error.what());
  }
}

}  // namespace spliced::dbus
