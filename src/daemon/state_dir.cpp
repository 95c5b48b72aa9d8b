#include "state_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace spliced::daemon {

util::Status check_state_dir(const std::string& path) {
  struct stat st {};
  const bool exists = ::stat(path.c_str(), &st) == 0;
  if (exists && !S_ISDIR(st.st_mode)) return util::fail_errno(fmt::format("state directory {}", path), ENOTDIR);
  const std::size_t slash = path.find_last_not_of('/') == path.npos ? 0 : path.rfind('/', path.find_last_not_of('/'));
  const std::string needed = exists ? path : path.substr(0, std::max<std::size_t>(1, slash));
  if (::faccessat(AT_FDCWD, needed.c_str(), W_OK | X_OK, AT_EACCESS) == 0) return {};
  return util::fail_errno(fmt::format("{} state directory {}", exists ? "write to" : "create", path), errno);
}

util::Result<util::UniqueFd> lock_state_dir(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return util::fail_errno(fmt::format("create state directory {}", path), errno);
  }
  util::UniqueFd lock(::open((path + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return util::fail_errno(fmt::format("state directory {}", path), errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return util::fail(util::Errc::conflict, fmt::format("state directory {} is in use by another daemon", path), errno);
  }
  return lock;
}

}  // namespace spliced::daemon
