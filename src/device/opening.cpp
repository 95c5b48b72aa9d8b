// SPDX-License-Identifier: Apache-2.0
#include "opening.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

namespace spliced::device {

using util::Reason;

namespace {

// A look at the same file by the daemon itself holds it for an instant.
constexpr util::Nanos kFileLockLimit = util::kSecond / 10;
constexpr auto kLockPause = std::chrono::milliseconds(5);

int flags_for(const TargetFacts& facts, const Access& access) {
  int flags = (access.destructive ? O_RDWR : O_RDONLY) | (access.direct ? O_DIRECT : 0);
  if (facts.block_device && !is_shared(access)) flags |= O_EXCL;
  return flags;
}

Refusal refusal_of(const TargetFacts& facts, const Access& access, int error) {
  if (error == EBUSY) return {"is claimed by another program or the kernel (O_EXCL: Device or resource busy)"};
  if (error == ETXTBSY) return {"is in use as a running program or as swap (Text file busy)"};
  if (error == EWOULDBLOCK && !facts.block_device) return {"is leased to another program (fcntl F_SETLEASE)"};
  if (error == EPERM && access.destructive && !facts.block_device) {
    return {
        "may not be written: it is append-only or immutable, or not the daemon's to write (Operation not permitted)",
        Reason::read_only};
  }
  if (error == EINVAL && access.direct) {
    return {
        fmt::format("lies on a file system ({}) without O_DIRECT; set /workload/direct to false", facts.file_system),
        Reason::no_direct_io};
  }
  return {fmt::format("cannot be opened: {}", util::errno_text(error)), reason_of_errno(error)};
}

std::optional<Refusal> open_and_lock(const Resolved& target, const Access& access, int flags, util::UniqueFd& fd) {
  // Without O_NONBLOCK, opening a file would wait for whoever has a lease on it (fcntl(2)).
  fd = reopen(target.handle, target.facts.block_device ? flags : flags | O_NONBLOCK);
  if (!fd) return refusal_of(target.facts, access, errno);
  if (!target.facts.block_device) ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) & ~O_NONBLOCK);
  // The lock of a partition is its disk's.
  if (is_shared(access) || !(target.facts.id == target.facts.whole)) return std::nullopt;
  return lock(fd, target.facts.block_device ? kDiskLockLimit : kFileLockLimit);
}

// A directory where nothing may be created: read-only, immutable, or not the daemon's.
std::optional<Refusal> try_to_create(const std::string& path) {
  const std::string directory = path.substr(0, path.rfind('/') + 1);
  struct statvfs fs {};
  int error = 0;
  if (::faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    error = errno;
  } else if (::statvfs(directory.c_str(), &fs) == 0 && fs.f_files != 0 && fs.f_ffree == 0) {
    error = ENOSPC;  // of inodes
  }
  if (error == 0) return std::nullopt;
  return Refusal{cannot_be_created(error), reason_of_create(error)};
}

}  // namespace

bool is_shared(const Access& access) {
  return !access.destructive && access.allow_in_use;
}

// Only what somebody else holds is in use; a system that is out of locks is no fault of the target.
std::optional<Refusal> lock(const util::UniqueFd& fd, util::Nanos limit) {
  const util::Nanos until = util::now() + limit;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) {
      return Refusal{fmt::format("cannot be locked (flock): {}", util::errno_text(errno)), reason_of_errno(errno)};
    }
    if (util::now() >= until) return Refusal{"is locked by another program (flock)"};
    std::this_thread::sleep_for(kLockPause);
  }
  return std::nullopt;
}

Reason reason_of_errno(int error) {
  switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOLCK:
    case EAGAIN: return Reason::limit;
    case ENOENT:
    case ENOTDIR:
    case ENODEV:
    case ENXIO:
    case ENOMEDIUM: return Reason::missing;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return Reason::no_space;
    case EROFS: return Reason::read_only;
    case EBUSY:
    case ETXTBSY: return Reason::busy;
    default: return Reason::cannot_open;
  }
}

// An immutable directory answers with EPERM, one that belongs to another with EACCES.
Reason reason_of_create(int error) {
  return error == EPERM ? Reason::read_only : reason_of_errno(error);
}

std::string cannot_be_created(int error) {
  return fmt::format("does not exist and cannot be created: {}", util::errno_text(error));
}

tl::unexpected<util::Error> refuse_errno(std::string_view what, int error) {
  return util::refuse(reason_of_errno(error), fmt::format("{}: {}", what, util::errno_text(error)), error);
}

util::Result<util::UniqueFd> open_exclusively(const Resolved& target, const Access& access) {
  util::UniqueFd fd;
  if (auto refusal = open_and_lock(target, access, flags_for(target.facts, access), fd)) {
    return tl::unexpected(refusal_error(target.facts.given, {*refusal}));
  }
  return fd;
}

std::optional<Refusal> try_to_open(const Resolved& target, const Access& access) {
  if (!target.facts.exists) return try_to_create(target.facts.path);
  int flags = flags_for(target.facts, access);
  // Closed after it was open for writing, a device is read anew by udev.
  if (target.facts.block_device) flags = (flags & ~O_ACCMODE) | O_RDONLY | O_NONBLOCK;
  util::UniqueFd fd;
  return open_and_lock(target, access, flags, fd);
}

}  // namespace spliced::device
