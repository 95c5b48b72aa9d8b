#include "resolve.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include <cerrno>
#include <climits>
#include <cstdlib>

namespace spliced::device {

using util::Errc;
using util::fail;
using util::UniqueFd;

namespace {

UniqueFd open_without_links(const std::string& path, std::uint64_t flags, std::uint64_t mode = 0) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.mode = mode;
  how.resolve = RESOLVE_NO_SYMLINKS;
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how)));
}

std::string real_path(const std::string& path) {
  char buffer[PATH_MAX];
  return ::realpath(path.c_str(), buffer) != nullptr ? buffer : "";
}

const char* kind_name(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISCHR(mode)) return "a character device";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "of an unknown kind";
}

// Of the disk below a file system.
std::uint32_t sector_of(dev_t device, const HostView& host) {
  const BlockNode* disk = host.find(device);
  return disk != nullptr ? disk->logical_block : 512;
}

// STATX_DIOALIGN (statx(2), Linux 6.1) where the file system tells; else the sectors of the disk below it.
std::uint32_t file_alignment(const UniqueFd& handle, dev_t device, const HostView& host) {
  struct statx sx {};
  if (::statx(handle.get(), "", AT_EMPTY_PATH, STATX_DIOALIGN, &sx) == 0 && (sx.stx_mask & STATX_DIOALIGN) != 0 &&
      sx.stx_dio_offset_align != 0) {
    return sx.stx_dio_offset_align;
  }
  return sector_of(device, host);
}

void describe_block(const struct stat& st, const HostView& host, TargetFacts& facts) {
  facts.block_device = true;
  facts.id = facts.whole = block_id(st.st_rdev);
  const BlockNode* node = host.find(st.st_rdev);
  if (node == nullptr) return;
  facts.name = node->name;
  facts.whole = block_id(node->whole);
  facts.size = node->size;
  facts.alignment = node->logical_block;
  facts.info = node->info;
}

util::Result<Resolved> resolve_missing(const std::string& path, const HostView& host) {
  const auto slash = path.rfind('/');
  const std::string parent = real_path(slash == 0 ? "/" : path.substr(0, slash));
  const std::string name = path.substr(slash + 1);
  if (parent.empty()) return fail(Errc::not_found, fmt::format("{}: its directory does not exist", path));
  if (name.empty() || name == "." || name == "..") return fail(Errc::invalid, fmt::format("{}: not a file", path));
  // A name in devtmpfs is a device that is not there, not a file to create; /dev/shm, a tmpfs, is a place for files.
  struct stat st {};
  if (::stat(parent.c_str(), &st) != 0) return util::fail_errno(parent, errno);
  if (host.file_system_of(st.st_dev) == "devtmpfs") {
    return fail(Errc::not_found, fmt::format("{}: no such device", path));
  }
  Resolved resolved;
  resolved.facts.given = path;
  resolved.facts.path = resolved.facts.name = parent == "/" ? "/" + name : parent + "/" + name;
  resolved.facts.exists = false;
  resolved.facts.home = st.st_dev;
  resolved.facts.file_system = host.file_system_of(st.st_dev);
  resolved.facts.alignment = sector_of(st.st_dev, host);
  // A file system without a limit of its own, as a tmpfs may be, says that it has no blocks at all.
  struct statvfs fs {};
  if (::statvfs(parent.c_str(), &fs) == 0 && fs.f_blocks != 0) {
    resolved.facts.free_bytes = static_cast<std::uint64_t>(fs.f_bavail) * fs.f_frsize;
  }
  return resolved;
}

}  // namespace

util::Result<Resolved> resolve(const std::string& path, const HostView& host, std::vector<Refusal>& refusals) {
  if (path.empty() || path[0] != '/') return fail(Errc::invalid, fmt::format("\"{}\" is not an absolute path", path));
  if (path.size() >= PATH_MAX || path.find('\0') != path.npos) return fail(Errc::invalid, "the path is too long");
  const std::string canonical = real_path(path);
  if (canonical.empty()) {
    struct stat st {};
    if (errno == ENOENT && ::lstat(path.c_str(), &st) != 0 && errno == ENOENT) return resolve_missing(path, host);
    return util::fail_errno(path, errno == 0 ? ENOENT : errno);
  }
  Resolved out;
  out.handle = open_without_links(canonical, O_PATH | O_NOFOLLOW);
  struct stat st {};
  if (!out.handle || ::fstat(out.handle.get(), &st) != 0) return util::fail_errno(path, errno);
  TargetFacts& facts = out.facts;
  facts.given = path;
  facts.path = facts.name = canonical;
  facts.id = facts.whole = NodeId{false, st.st_dev, st.st_ino};
  if (S_ISBLK(st.st_mode)) {
    describe_block(st, host, facts);
  } else if (S_ISREG(st.st_mode)) {
    facts.size = static_cast<std::uint64_t>(st.st_size);
    facts.alignment = file_alignment(out.handle, st.st_dev, host);
    facts.file_system = host.file_system_of(st.st_dev);
  } else {
    refusals.push_back(
        {fmt::format("is {}; a target is a block device or a regular file", kind_name(st.st_mode)), false});
  }
  return out;
}

UniqueFd reopen(const UniqueFd& handle, int flags) {
  return UniqueFd(::open(fmt::format("/proc/thread-self/fd/{}", handle.get()).c_str(), flags | O_CLOEXEC));
}

util::Status create_file(const std::string& path, std::uint64_t bytes) {
  const UniqueFd fd = open_without_links(path, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW, 0600);
  if (!fd) return util::fail_errno(fmt::format("create {}", path), errno);
  int error = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(bytes));
  if (error == EOPNOTSUPP || error == EINVAL) error = ::ftruncate(fd.get(), static_cast<off_t>(bytes)) == 0 ? 0 : errno;
  if (error == 0) return {};
  ::unlink(path.c_str());
  return util::fail_errno(fmt::format("create {} with {} bytes", path, bytes), error);
}

}  // namespace spliced::device
