// SPDX-License-Identifier: Apache-2.0
#include "open_path.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

namespace spliced::device {

using util::UniqueFd;

namespace {

bool is_link(const UniqueFd& fd) {
  struct stat st {};
  return ::fstat(fd.get(), &st) != 0 || S_ISLNK(st.st_mode);
}

// O_PATH | O_NOFOLLOW opens a link itself instead of refusing it, so each step is looked at.
UniqueFd step(const UniqueFd& directory, const std::string& name, int flags) {
  UniqueFd next(::openat(directory.get(), name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC));
  if (next && is_link(next)) {
    next.reset();
    errno = ELOOP;
  }
  return next;
}

UniqueFd walk(const std::string& path, int flags) {
  UniqueFd at(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::size_t begin = path.find_first_not_of('/');
  if (begin == path.npos) return at ? step(at, ".", flags) : std::move(at);
  while (at) {
    const std::size_t end = path.find('/', begin);
    const std::string name = path.substr(begin, end - begin);
    const std::size_t next = path.find_first_not_of('/', end);
    if (end == path.npos || next == path.npos) return step(at, name, flags);
    at = step(at, name, O_PATH | O_DIRECTORY);
    begin = next;
  }
  return at;
}

}  // namespace

UniqueFd open_without_links(const SystemCalls& calls, const std::string& path, int flags) {
  UniqueFd fd(calls.openat2(path.c_str(), static_cast<std::uint64_t>(flags)));
  // ENOSYS also from a systemd that keeps set-user-ID files from being made and cannot look into the call's arguments.
  if (!fd && (errno == ENOSYS || errno == EPERM)) return walk(path, flags);
  return fd;
}

UniqueFd reopen(const UniqueFd& handle, int flags) {
  return UniqueFd(::open(fmt::format("/proc/thread-self/fd/{}", handle.get()).c_str(), flags | O_CLOEXEC));
}

std::string path_of(const UniqueFd& handle) {
  char buffer[PATH_MAX];
  const ssize_t length =
      ::readlink(fmt::format("/proc/thread-self/fd/{}", handle.get()).c_str(), buffer, sizeof buffer);
  if (length <= 0 || length == static_cast<ssize_t>(sizeof buffer)) return "";
  return {buffer, static_cast<std::size_t>(length)};
}

std::string join(const std::string& directory, const std::string& name) {
  return directory.ends_with('/') ? directory + name : directory + "/" + name;
}

}  // namespace spliced::device
