#include "spliced/util/result.h"

#include <fmt/format.h>

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

tl::unexpected<Error> fail_errno(std::string_view what, int err) {
  return fail(Errc::system, fmt::format("{}: {}", what, errno_text(err)), err);
}

Error with_context(Error error, std::string_view context) {
  error.message = fmt::format("{}: {}", context, error.message);
  return error;
}

}  // namespace spliced::util
