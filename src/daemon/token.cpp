#include "token.h"

#include <fmt/format.h>
#include <strings.h>
#include <sys/stat.h>

#include <string_view>

#include "settings_file.h"

namespace spliced::daemon {

using util::Errc;
using util::fail;

util::Status Token::load(const std::string& path) {
  const auto file = read_settings_file("--token-file", path);
  if (!file) return tl::unexpected(file.error());
  if ((file->mode & S_IRWXO) != 0) {
    return fail(Errc::invalid, fmt::format("--token-file {}: open to everybody; chmod o-rwx it", path));
  }
  const std::string line = file->text.substr(0, file->text.find('\n'));
  if (line.size() < kMinBytes) {
    return fail(Errc::invalid, fmt::format("--token-file {}: the first line has {} bytes; a token has {} or more", path,
                                           line.size(), kMinBytes));
  }
  const std::lock_guard lock(mutex_);
  token_ = line;
  return {};
}

bool Token::matches(const std::string& authorization) const {
  const std::lock_guard lock(mutex_);
  // The scheme's name has no case (RFC 9110, 11.1).
  constexpr std::string_view kScheme = "Bearer ";
  if (token_.empty() || ::strncasecmp(authorization.c_str(), kScheme.data(), kScheme.size()) != 0) return false;
  const std::string expected = std::string(kScheme) + token_;
  unsigned difference = authorization.size() == expected.size() ? 0U : 1U;
  for (std::size_t i = kScheme.size(); i < expected.size(); ++i) {
    const char given = i < authorization.size() ? authorization[i] : '\0';
    difference |= static_cast<unsigned char>(given ^ expected[i]);
  }
  return difference == 0;
}

}  // namespace spliced::daemon
