// SPDX-License-Identifier: Apache-2.0
#include "settings_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "spliced/util/unique_fd.h"

namespace spliced::daemon {

using util::Errc;
using util::fail;

util::Result<SettingsFile> read_settings_file(const std::string& flag, const std::string& path) {
  const auto cannot = [&](const std::string& why, int error = 0) {
    return fail(Errc::invalid, fmt::format("{} {}: cannot be read: {}", flag, path, why), error);
  };
  const util::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat st {};
  if (!fd || ::fstat(fd.get(), &st) != 0) return cannot(util::errno_text(errno), errno);
  if (!S_ISREG(st.st_mode)) return cannot("it is no regular file");
  SettingsFile out{"", st.st_mode};
  char piece[4096];
  for (;;) {
    const ssize_t got = ::read(fd.get(), piece, sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot(util::errno_text(errno), errno);
    if (got == 0) return out;
    out.text.append(piece, static_cast<std::size_t>(got));
    if (out.text.size() > kMaxSettingsBytes) {
      return fail(Errc::invalid, fmt::format("{} {}: larger than 1 MiB", flag, path));
    }
  }
}

}  // namespace spliced::daemon
