// SPDX-License-Identifier: Apache-2.0
#include "socket_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace spliced::http {

using util::Errc;
using util::fail;
using util::fail_errno;
using util::Nanos;
using util::Status;
using util::UniqueFd;

namespace {

constexpr Nanos kLockLimit = 2 * util::kSecond;
constexpr Nanos kLockRetry = util::kSecond / 50;
constexpr mode_t kGroupMode = 0660;
constexpr mode_t kOpenMode = 0666;

// The kernel's own way to what a descriptor leads to; bind(2), connect(2) and chmod(2) know no *at().
std::string way_to(const UniqueFd& fd) {
  return fmt::format("/proc/self/fd/{}", fd.get());
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), std::min(path.size() + 1, sizeof address.sun_path - 1));
  return address;
}

UniqueFd new_socket() {
  return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// What connect(2) says of the socket: 0 somebody takes connections, ECONNREFUSED nobody does.
int knock(const UniqueFd& node) {
  const UniqueFd probe = new_socket();
  if (!probe) return errno;
  const sockaddr_un address = address_of(way_to(node));
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
}

}  // namespace

util::Result<SocketFile> SocketFile::open(const std::string& path, const SocketAccess& access, int backlog,
                                          util::Logger& log) {
  SocketFile file;
  const auto slash = path.rfind('/');
  file.path_ = path;
  file.name_ = path.substr(slash + 1);
  if (auto status = file.open_directory(); !status) return tl::unexpected(status.error());
  UniqueFd lock = file.lock(kLockLimit);
  if (!lock) {
    return fail(Errc::conflict,
                fmt::format("{}: another process is taking this socket, or the lock beside it cannot be "
                            "had: {}",
                            path, util::errno_text(errno)));
  }
  auto status = file.remove_stale();
  if (status) status = file.bind(backlog, access, log);
  file.unlock(std::move(lock));
  if (!status) return tl::unexpected(status.error());
  return file;
}

Status SocketFile::open_directory() {
  const std::string parent = path_.substr(0, path_.size() - name_.size());
  directory_.reset(::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory_) return fail_errno(fmt::format("listen on {}: its directory", path_), errno);
  const std::string longest = way_to(directory_) + "/" + name_;
  if (name_.empty() || longest.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(Errc::invalid,
                fmt::format("listen on {}: its name has {} bytes; 1 to {} are possible", path_, name_.size(),
                            sizeof(sockaddr_un::sun_path) - way_to(directory_).size() - 2));
  }
  return {};
}

// Between the look at a stale socket and its replacement nobody else may do the same. The lock is a file that its
// holder removes, so whoever got it looks whether it still is the one at that name.
UniqueFd SocketFile::lock(Nanos limit) const {
  const std::string name = name_ + ".lock";
  const Nanos deadline = util::system_clock().now() + limit;
  for (;;) {
    UniqueFd fd(::openat(directory_.get(), name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
    if (!fd) return {};
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) {
      struct stat mine {
      }, there{};
      if (::fstat(fd.get(), &mine) == 0 &&
          ::fstatat(directory_.get(), name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 && same_file(mine, there)) {
        return fd;
      }
    } else if (errno != EWOULDBLOCK && errno != EINTR) {
      return {};
    }
    if (util::system_clock().now() >= deadline) {
      errno = EWOULDBLOCK;
      return {};
    }
    util::system_clock().sleep_until(util::system_clock().now() + kLockRetry);
  }
}

void SocketFile::unlock(UniqueFd lock) const {
  ::unlinkat(directory_.get(), (name_ + ".lock").c_str(), 0);
  lock.reset();
}

// Only a refused connection says that nobody listens: a full queue is that of a busy daemon.
Status SocketFile::remove_stale() const {
  const UniqueFd node(::openat(directory_.get(), name_.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!node && errno == ENOENT) return {};
  struct stat st {};
  if (!node || ::fstat(node.get(), &st) != 0) return fail_errno(path_, errno);
  if (!S_ISSOCK(st.st_mode)) return fail(Errc::conflict, fmt::format("{} exists and is no socket", path_));
  const int answer = knock(node);
  if (answer == 0 || answer == EAGAIN) {
    return fail(Errc::conflict, fmt::format("another daemon listens on {}", path_));
  }
  if (answer != ECONNREFUSED) {
    return fail(Errc::conflict,
                fmt::format("{} is in use, or not a socket of this daemon ({}); remove it, or listen "
                            "elsewhere",
                            path_, util::errno_text(answer)),
                answer);
  }
  if (!is_at_name(node)) return fail(Errc::conflict, fmt::format("{} was replaced at this moment", path_));
  if (::unlinkat(directory_.get(), name_.c_str(), 0) != 0) return fail_errno(fmt::format("remove {}", path_), errno);
  return {};
}

// Nobody can connect before listen(2), so mode and group are right from the first connection on.
Status SocketFile::bind(int backlog, const SocketAccess& access, util::Logger& log) {
  listening_ = new_socket();
  const sockaddr_un address = address_of(way_to(directory_) + "/" + name_);
  if (!listening_ || ::bind(listening_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail_errno(fmt::format("listen on {}", path_), errno);
  }
  auto status = hold();
  if (status) status = give_to(access, log);
  if (status && ::listen(listening_.get(), backlog) != 0)
    status = fail_errno(fmt::format("listen on {}", path_), errno);
  if (!status && node_) ::unlinkat(directory_.get(), name_.c_str(), 0);
  return status;
}

// Whoever may write to the directory could have put something else there: what is given away must be this one's.
Status SocketFile::hold() {
  UniqueFd node(::openat(directory_.get(), name_.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat st {};
  if (!node || ::fstat(node.get(), &st) != 0) return fail_errno(path_, errno);
  if (!S_ISSOCK(st.st_mode) || st.st_uid != ::geteuid() || st.st_nlink != 1 || knock(node) != ECONNREFUSED) {
    return fail(Errc::conflict, fmt::format("{} was replaced at this moment", path_));
  }
  node_ = std::move(node);
  return {};
}

Status SocketFile::give_to(const SocketAccess& access, util::Logger& log) const {
  const std::string& group = access.group;
  if (::chmod(way_to(node_).c_str(), access.for_all ? kOpenMode : kGroupMode) != 0)
    return fail_errno(fmt::format("mode of {}", path_), errno);
  if (group.empty()) return {};
  const auto warn = [&](const std::string& why) {
    log.log(util::LogLevel::warning, fmt::format("{}; until then, only root, uid {} and gid {} can use {}", why,
                                                 ::geteuid(), ::getegid(), path_));
  };
  const struct group* entry = ::getgrnam(group.c_str());
  if (entry == nullptr) {
    warn(
        fmt::format("there is no group {0}: make it with \"systemd-sysusers\" or \"groupadd --system {0}\", and "
                    "restart",
                    group));
    return {};
  }
  struct stat st {};
  if (::fstat(node_.get(), &st) == 0 && st.st_gid == entry->gr_gid) return {};
  if (::fchownat(node_.get(), "", static_cast<uid_t>(-1), entry->gr_gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) == 0) {
    return {};
  }
  if (errno != EPERM) return fail_errno(fmt::format("give {} to group {}", path_, group), errno);
  warn(fmt::format("this process may not give {} to group {}: run it as root or as a member", path_, group));
  return {};
}

bool SocketFile::is_at_name(const UniqueFd& node) const {
  struct stat held {
  }, there{};
  return node && ::fstat(node.get(), &held) == 0 &&
         ::fstatat(directory_.get(), name_.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 && same_file(held, there);
}

// A lock that is taken is that of somebody who replaces the socket.
void SocketFile::remove() {
  if (!node_) return;
  if (UniqueFd held = lock(0)) {
    if (is_at_name(node_)) ::unlinkat(directory_.get(), name_.c_str(), 0);
    unlock(std::move(held));
  }
  node_.reset();
}

}  // namespace spliced::http
