#include "state_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

namespace spliced::daemon {

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
