// SPDX-License-Identifier: Apache-2.0
// What sd-bus knows of a message and sdbus-c++ 1.2 does not pass on. Bus thread only.
#pragma once
#include <sdbus-c++/sdbus-c++.h>

#include <string>

namespace spliced::dbus {

// Whether the caller is willing to wait until somebody has been asked (ALLOW_INTERACTIVE_AUTHORIZATION).
[[nodiscard]] bool may_ask_a_person(const sdbus::Message& message);

// Who made the call that is being answered with `reply`, the reply to it or part of it; "" for a signal, which may
// carry the same properties.
[[nodiscard]] std::string asker_of(const sdbus::Message& reply);

}  // namespace spliced::dbus
