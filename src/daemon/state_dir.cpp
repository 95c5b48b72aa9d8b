// SPDX-License-Identifier: Apache-2.0
#include "state_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace spliced::daemon {

using util::fail_errno;
using util::Status;

namespace {

constexpr const char* kDatabase = "state.db";
constexpr const char* kLock = "lock";
constexpr std::array<const char*, 3> kBeside{"-wal", "-shm", "-journal"};
constexpr mode_t kOwnerOnly = 0600;
constexpr int kMaxNames = 1000;  // of databases that were set aside within one second

bool same(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// A file of ours below `directory`, created when it is missing, its owner's alone.
util::Result<util::UniqueFd> open_own(const util::UniqueFd& directory, const std::string& path, const char* name) {
  util::UniqueFd fd(::openat(directory.get(), name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly));
  struct stat st {};
  if (!fd && errno == ELOOP) return fail_errno(fmt::format("{}/{} must be no symbolic link", path, name), ELOOP);
  if (!fd || ::fstat(fd.get(), &st) != 0) return fail_errno(fmt::format("open {}/{}", path, name), errno);
  // The umask may have taken from a new file what its owner needs.
  if ((st.st_mode & 07777) != kOwnerOnly && ::fchmod(fd.get(), kOwnerOnly) != 0) {
    return fail_errno(fmt::format("close {}/{} to others", path, name), errno);
  }
  return fd;
}

Status close_to_others(const util::UniqueFd& directory, const std::string& path) {
  for (const char* ending : kBeside) {
    const std::string name = std::string(kDatabase) + ending;
    struct stat st {};
    if (::fstatat(directory.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode)) continue;
    if ((st.st_mode & 07777) != kOwnerOnly && ::fchmodat(directory.get(), name.c_str(), kOwnerOnly, 0) != 0) {
      return fail_errno(fmt::format("close {}/{} to others", path, name), errno);
    }
  }
  return {};
}

// As rename(2), but never over something. Errors by errno; a file that is not there is none.
bool move(const util::UniqueFd& directory, const std::string& from, const std::string& to) {
  if (::renameat2(directory.get(), from.c_str(), directory.get(), to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno == EINVAL) {  // a file system that does not know the flag; the lock keeps other daemons away
    if (::faccessat(directory.get(), to.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
      errno = EEXIST;
      return false;
    }
    if (::renameat(directory.get(), from.c_str(), directory.get(), to.c_str()) == 0) return true;
  }
  return errno == ENOENT;
}

std::string timestamp(std::chrono::system_clock::time_point when) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts)};
}

}  // namespace

Status check_state_dir(const std::string& path) {
  struct stat st {};
  const bool exists = ::stat(path.c_str(), &st) == 0;
  if (exists && !S_ISDIR(st.st_mode)) return fail_errno(fmt::format("state directory {}", path), ENOTDIR);
  const std::size_t slash = path.find_last_not_of('/') == path.npos ? 0 : path.rfind('/', path.find_last_not_of('/'));
  const std::string needed = exists ? path : path.substr(0, std::max<std::size_t>(1, slash));
  if (::faccessat(AT_FDCWD, needed.c_str(), W_OK | X_OK, AT_EACCESS) == 0) return {};
  return fail_errno(fmt::format("{} state directory {}", exists ? "write to" : "create", path), errno);
}

util::Result<StateDir> StateDir::open(const std::string& path) {
  StateDir out;
  out.path_ = path;
  const bool created = ::mkdir(path.c_str(), 0700) == 0;
  if (!created && errno != EEXIST) return fail_errno(fmt::format("create state directory {}", path), errno);
  // What was just made here is no link, unless somebody put one in its place.
  const util::UniqueFd found(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC | (created ? O_NOFOLLOW : 0)));
  if (!found) return fail_errno(fmt::format("state directory {}", path), errno);
  if (created && ::chmod(fmt::format("/proc/self/fd/{}", found.get()).c_str(), 0700) != 0) {
    return fail_errno(fmt::format("state directory {}", path), errno);
  }
  out.directory_.reset(::openat(found.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!out.directory_) return fail_errno(fmt::format("state directory {}", path), errno);
  auto lock = open_own(out.directory_, path, kLock);
  if (!lock) return tl::unexpected(util::with_context(lock.error(), "state directory"));
  out.lock_ = std::move(*lock);
  if (::flock(out.lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail_errno(fmt::format("lock state directory {}", path), errno);
    return util::fail(util::Errc::conflict, fmt::format("state directory {} is in use by another daemon", path), errno);
  }
  if (auto status = close_to_others(out.directory_, path); !status) return tl::unexpected(status.error());
  return out;
}

std::string StateDir::database() const {
  return path_ + "/" + kDatabase;
}

Status StateDir::prepare_database() {
  const auto fd = open_own(directory_, path_, kDatabase);
  if (!fd) return tl::unexpected(fd.error());
  // Closing such a descriptor leaves SQLite its locks (fcntl(2), locks of a process; open(2), O_PATH).
  database_.reset(::openat(directory_.get(), kDatabase, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!database_) return fail_errno(database(), errno);
  return {};
}

util::Result<std::string> StateDir::set_aside(std::chrono::system_clock::time_point now) {
  const std::string first = fmt::format("{}.damaged-{}", kDatabase, timestamp(now));
  std::string name = first;
  for (int i = 2; i < kMaxNames; ++i) {
    // Last the database itself: if we are interrupted, what is left is still damaged.
    bool moved = true;
    for (const char* ending : {kBeside[0], kBeside[1], kBeside[2], ""}) {
      moved = moved && move(directory_, std::string(kDatabase) + ending, name + ending);
    }
    if (moved) return path_ + "/" + name;
    if (errno != EEXIST) break;
    name = fmt::format("{}-{}", first, i);
  }
  return fail_errno(fmt::format("set {} aside as {}/{}", database(), path_, name), errno);
}

std::string StateDir::trouble() const {
  struct stat kept {
  }, found{};
  if (::fstat(directory_.get(), &kept) != 0 || ::stat(path_.c_str(), &found) != 0 || !same(kept, found)) {
    return fmt::format("the state directory {} is gone", path_);
  }
  if (::fstatat(directory_.get(), kDatabase, &found, AT_SYMLINK_NOFOLLOW) != 0 ||
      ::fstat(database_.get(), &kept) != 0 || !same(kept, found)) {
    return fmt::format("the state database {} is gone", database());
  }
  if (::faccessat(directory_.get(), ".", W_OK | X_OK, AT_EACCESS) != 0) {
    return fmt::format("the state directory {} cannot be written: {}", path_, util::errno_text(errno));
  }
  return "";
}

}  // namespace spliced::daemon
