// SPDX-License-Identifier: Apache-2.0
#include "raw_message.h"

#include <systemd/sd-bus.h>

namespace spliced::dbus {

namespace {

// The library keeps it for classes that are derived from its own.
struct Raw : sdbus::Message {
  static sd_bus_message* of(const sdbus::Message& message) {
    return static_cast<sd_bus_message*>(message.*(&Raw::msg_));
  }
};

}  // namespace

bool may_ask_a_person(const sdbus::Message& message) {
  return sd_bus_message_get_allow_interactive_authorization(Raw::of(message)) > 0;
}

std::string asker_of(const sdbus::Message& reply) {
  if (sd_bus_message_is_signal(Raw::of(reply), nullptr, nullptr) > 0) return "";
  sd_bus_message* call = sd_bus_get_current_message(sd_bus_message_get_bus(Raw::of(reply)));
  if (call == nullptr || sd_bus_message_is_method_call(call, nullptr, nullptr) <= 0) return "";
  const char* sender = sd_bus_message_get_sender(call);
  return sender != nullptr ? sender : "";
}

}  // namespace spliced::dbus
