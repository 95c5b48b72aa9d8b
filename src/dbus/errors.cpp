// SPDX-License-Identifier: Apache-2.0
#include "errors.h"

#include "spliced/util/text.h"

namespace spliced::dbus {

namespace {

constexpr std::size_t kMaxErrorText = 8192;  // bytes

}  // namespace

const char* error_name(util::Errc code) {
  switch (code) {
    case util::Errc::forbidden: return "org.freedesktop.DBus.Error.AccessDenied";
    case util::Errc::invalid: return "org.spliced.Error.Invalid";
    case util::Errc::not_found: return "org.spliced.Error.NotFound";
    case util::Errc::gone: return "org.spliced.Error.Gone";
    case util::Errc::conflict: return "org.spliced.Error.Conflict";
    case util::Errc::exhausted: return "org.spliced.Error.Exhausted";
    case util::Errc::unavailable: return "org.spliced.Error.Unavailable";
    case util::Errc::system: return "org.spliced.Error.System";
    case util::Errc::internal: break;
  }
  return "org.spliced.Error.Internal";
}

std::string short_name(util::Errc code) {
  const std::string_view name = error_name(code);
  return std::string(name.substr(name.rfind('.') + 1));
}

sdbus::Error to_bus(const util::Error& error) {
  if (error.message.size() <= kMaxErrorText) return {error_name(error.code), util::printable(error.message)};
  std::size_t end = kMaxErrorText;
  while (end > 0 && (static_cast<unsigned char>(error.message[end]) & 0xc0U) == 0x80) --end;  // at a whole character
  return {error_name(error.code), util::printable(error.message.substr(0, end)) + " …"};
}

void refuse(const sdbus::MethodCall& call, const util::Error& error) {
  if (!call.doesntExpectReply()) call.createErrorReply(to_bus(error)).send();
}

}  // namespace spliced::dbus
