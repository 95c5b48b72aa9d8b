// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/result.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace spliced::util {

std::string errno_name(int err) {
  const char* name = strerrorname_np(err);
  return name != nullptr ? name : fmt::format("errno {}", err);
}

std::string errno_text(int err) {
  const char* text = strerrordesc_np(err);
  return text != nullptr ? text : fmt::format("error {}", err);
}

Reason reason_of(const Error& error) {
  if (!error.details.empty()) {
    const Reason first = error.details.front().reason;
    const auto same = [&](const FieldError& detail) { return detail.reason == first; };
    return std::all_of(error.details.begin(), error.details.end(), same) ? first : Reason::several;
  }
  switch (error.code) {
    case Errc::invalid: return Reason::invalid;
    case Errc::forbidden: return Reason::forbidden;
    case Errc::not_found: return Reason::not_found;
    case Errc::gone: return Reason::gone;
    case Errc::conflict: return Reason::busy;
    case Errc::exhausted: return Reason::limit;
    case Errc::unavailable: return Reason::unavailable;
    case Errc::system:
    case Errc::internal: break;
  }
  return Reason::internal;
}

Errc code_of(Reason reason) {
  switch (reason) {
    case Reason::forbidden: return Errc::forbidden;
    case Reason::not_found: return Errc::not_found;
    case Reason::gone: return Errc::gone;
    case Reason::limit: return Errc::exhausted;
    case Reason::unavailable: return Errc::unavailable;
    case Reason::internal: return Errc::internal;
    default: return is_conflict(reason) ? Errc::conflict : Errc::invalid;
  }
}

std::vector<FieldError> under(std::string_view way, std::vector<FieldError> errors) {
  for (FieldError& error : errors) {
    error.pointer.insert(0, error.pointer.empty() || way.empty() ? std::string(way) : std::string(way) + "/");
  }
  return errors;
}

Errc code_of(const std::vector<FieldError>& details) {
  for (const Errc code : {Errc::forbidden, Errc::conflict, Errc::exhausted, Errc::unavailable, Errc::internal}) {
    const auto has_it = [&](const FieldError& detail) { return code_of(detail.reason) == code; };
    if (std::any_of(details.begin(), details.end(), has_it)) return code;
  }
  return Errc::invalid;
}

tl::unexpected<Error> refuse(Reason reason, std::string message, int sys_errno) {
  std::vector<FieldError> details{{"", message, reason}};
  return tl::unexpected<Error>(Error{code_of(reason), std::move(message), sys_errno, std::move(details)});
}

tl::unexpected<Error> fail_errno(std::string_view what, int err) {
  return fail(Errc::system, fmt::format("{}: {}", what, errno_text(err)), err);
}

Error with_context(Error error, std::string_view context) {
  error.message = fmt::format("{}: {}", context, error.message);
  return error;
}

}  // namespace spliced::util
