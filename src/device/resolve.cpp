// SPDX-License-Identifier: Apache-2.0
#include "resolve.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <string_view>

#include "opening.h"
#include "spliced/device/direct_io.h"

namespace spliced::device {

using util::Errc;
using util::fail;
using util::Reason;
using util::refuse;
using util::UniqueFd;

namespace {

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
std::uint32_t sector_of(dev_t device, const BlockTopology& host) {
  const BlockNode* disk = host.find(device);
  return disk != nullptr ? disk->logical_block : 512;
}

// The mount that an open file or directory lies on: by its id, for btrfs has numbers that no mount has.
const MountPoint* mount_of(const UniqueFd& handle, const BlockTopology& host) {
  struct statx sx {};
  if (::statx(handle.get(), "", AT_EMPTY_PATH, STATX_MNT_ID, &sx) != 0) return nullptr;
  return (sx.stx_mask & STATX_MNT_ID) != 0 ? host.mount(static_cast<int>(sx.stx_mnt_id)) : nullptr;
}

std::string file_system_of(const UniqueFd& handle, dev_t device, const BlockTopology& host) {
  if (const MountPoint* mount = mount_of(handle, host)) return mount->type;
  const std::string type = host.file_system_of(device);
  struct statfs fs {};
  if (type == "unknown" && ::fstatfs(handle.get(), &fs) == 0 && fs.f_type == BTRFS_SUPER_MAGIC) return "btrfs";
  return type;
}

void describe_direct_io(const UniqueFd& handle, dev_t device, const BlockTopology& host, TargetFacts& facts) {
  DirectIoFacts known;
  known.file_system = facts.file_system;
  known.sector = sector_of(device, host);
  struct statfs fs {};
  if (::fstatfs(handle.get(), &fs) == 0) known.block = static_cast<std::uint32_t>(fs.f_bsize);
  struct statx sx {};
  if (::statx(handle.get(), "", AT_EMPTY_PATH, STATX_DIOALIGN, &sx) == 0) {
    known.told = (sx.stx_mask & STATX_DIOALIGN) != 0;
    known.told_align = sx.stx_dio_offset_align;
  }
  const DirectIo direct = judge_direct_io(known);
  facts.alignment = direct.alignment;
  facts.alignment_reason = direct.reason;
  facts.direct_refused = direct.refused;
}

// Only where all data of the file system lies on them, and the kernel counts what they do.
std::vector<dev_t> disks_below(const UniqueFd& handle, dev_t device, const BlockTopology& host) {
  constexpr std::array<std::string_view, 6> on_its_number{"ext2", "ext3", "ext4", "xfs", "vfat", "exfat"};
  const MountPoint* mount = mount_of(handle, host);
  struct statx sx {};
  const bool dax = ::statx(handle.get(), "", AT_EMPTY_PATH, 0, &sx) != 0 || (sx.stx_attributes & STATX_ATTR_DAX) != 0;
  if (mount == nullptr || dax) return {};
  std::vector<dev_t> disks;
  if (mount->type == "btrfs" && mount->source && mount->source->block) {
    disks = host.pool_of(mount->source->device);
  } else if (std::find(on_its_number.begin(), on_its_number.end(), mount->type) != on_its_number.end() &&
             mount->options.find("rtdev=") == std::string::npos) {
    disks = {device};
  }
  const bool counted = std::all_of(disks.begin(), disks.end(), [&](dev_t number) {
    const BlockNode* disk = host.find(number);
    return disk != nullptr && disk->counts_io && !disk->name.starts_with("pmem") && !disk->name.starts_with("ram");
  });
  return counted ? disks : std::vector<dev_t>();
}

void describe_file(Resolved& out, const struct stat& st, const BlockTopology& host) {
  TargetFacts& facts = out.facts;
  facts.size = static_cast<std::uint64_t>(st.st_size);
  facts.file_system = file_system_of(out.handle, st.st_dev, host);
  facts.disks = disks_below(out.handle, st.st_dev, host);
  describe_direct_io(out.handle, st.st_dev, host, facts);
  out.links = st.st_nlink;
}

// By mount and path, and by each directory on the way, as far as that is on one file system: a layer ends where another
// one is mounted.
Whereabouts whereabouts(const std::string& path, const MountPoint* mount, const BlockTopology& host) {
  Whereabouts where;
  where.place = host.place_of(path);
  if (mount != nullptr && where.place) where.place->device = mount->device;
  if (host.layers.empty()) return where;
  for (auto slash = path.rfind('/'); slash != path.npos; slash = slash == 0 ? path.npos : path.rfind('/', slash - 1)) {
    struct stat st {};
    if (::stat(slash == 0 ? "/" : path.substr(0, slash).c_str(), &st) != 0) break;
    if (!where.directories.empty() && where.directories.front().device != st.st_dev) break;
    where.directories.push_back({false, st.st_dev, st.st_ino});
  }
  return where;
}

void describe_block(const struct stat& st, const BlockTopology& host, TargetFacts& facts) {
  facts.block_device = true;
  facts.id = facts.whole = block_id(st.st_rdev);
  const BlockNode* node = host.find(st.st_rdev);
  if (node == nullptr) return;
  facts.name = node->name;
  facts.whole = block_id(node->whole);
  facts.size = node->size;
  facts.alignment = node->logical_block;
  facts.info = node->info;
  facts.sequence = node->sequence;
  facts.partition = node->partition;
  facts.backing = node->backing_text();
  facts.zoned = node->zoned;
}

// Below /dev there are devices, and those that are not there are no files to create, be it a devtmpfs or, in a
// container, any directory. /dev/shm is a place for files.
bool is_for_devices(const std::string& directory, const struct stat& st, const BlockTopology& host,
                    const HostPaths& paths) {
  const std::string dev = real_path(paths.dev);
  const auto below = [&](const std::string& root) { return directory == root || directory.starts_with(root + "/"); };
  if (dev.empty() || below(dev + "/shm")) return false;
  if (below(dev) || host.file_system_of(st.st_dev) == "devtmpfs") return true;
  // Where /dev has a file system of its own, that may be seen in other places too.
  struct stat at {};
  struct stat above {};
  const bool mounted =
      ::stat(dev.c_str(), &at) == 0 && ::stat((dev + "/..").c_str(), &above) == 0 && at.st_dev != above.st_dev;
  return mounted && at.st_dev == st.st_dev;
}

util::Result<Resolved> resolve_missing(const std::string& path, const BlockTopology& host, const Machine& machine) {
  const auto slash = path.rfind('/');
  const std::string parent = real_path(slash == 0 ? "/" : path.substr(0, slash));
  const std::string name = path.substr(slash + 1);
  if (parent.empty()) return refuse(Reason::missing, fmt::format("{}: its directory does not exist", path));
  if (name.empty() || name == "." || name == "..")
    return refuse(Reason::not_a_target, fmt::format("{}: not a file", path));
  UniqueFd directory = open_without_links(machine.calls, parent, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  struct stat st {};
  if (!directory || ::fstat(directory.get(), &st) != 0) return refuse_errno(parent, errno);
  // From here on it is this very directory that counts, and where the kernel says that it is.
  const std::string real = path_of(directory);
  if (real.empty() || real[0] != '/') return fail(Errc::system, fmt::format("{}: cannot tell where it is", parent));
  if (is_for_devices(real, st, host, machine.paths)) {
    return refuse(Reason::missing, fmt::format("{}: no such device", path));
  }
  Resolved resolved;
  TargetFacts& facts = resolved.facts;
  facts.given = path;
  facts.path = facts.name = join(real, name);
  facts.exists = false;
  facts.directory = {false, st.st_dev, st.st_ino};
  facts.home = st.st_dev;
  facts.file_system = file_system_of(directory, st.st_dev, host);
  describe_direct_io(directory, st.st_dev, host, facts);
  resolved.where = whereabouts(facts.path, mount_of(directory, host), host);
  // A file system without a limit of its own, as a tmpfs may be, says that it has no blocks at all.
  struct statvfs fs {};
  if (::fstatvfs(directory.get(), &fs) == 0 && fs.f_blocks != 0) {
    facts.free_bytes = static_cast<std::uint64_t>(fs.f_bavail) * fs.f_frsize;
  }
  resolved.place = CreatedFile(std::move(directory), real, name);
  return resolved;
}

}  // namespace

util::Result<Resolved> resolve(const std::string& path, const BlockTopology& host, const Machine& machine,
                               std::vector<Refusal>& refusals) {
  if (path.empty() || path[0] != '/') return fail(Errc::invalid, fmt::format("\"{}\" is not an absolute path", path));
  if (path.size() >= PATH_MAX || path.find('\0') != path.npos) return fail(Errc::invalid, "the path is too long");
  const std::string canonical = real_path(path);
  if (canonical.empty()) {
    struct stat st {};
    if (errno == ENOENT && ::lstat(path.c_str(), &st) != 0 && errno == ENOENT) {
      return resolve_missing(path, host, machine);
    }
    return refuse_errno(path, errno == 0 ? ENOENT : errno);
  }
  Resolved out;
  out.handle = open_without_links(machine.calls, canonical, O_PATH | O_NOFOLLOW);
  struct stat st {};
  if (!out.handle || ::fstat(out.handle.get(), &st) != 0) return refuse_errno(path, errno);
  TargetFacts& facts = out.facts;
  facts.given = path;
  facts.path = facts.name = canonical;
  facts.id = facts.whole = NodeId{false, st.st_dev, st.st_ino};
  if (S_ISBLK(st.st_mode)) {
    describe_block(st, host, facts);
  } else if (S_ISREG(st.st_mode)) {
    describe_file(out, st, host);
    out.where = whereabouts(canonical, mount_of(out.handle, host), host);
  } else {
    refusals.push_back({fmt::format("is {}; a target is a block device or a regular file", kind_name(st.st_mode)),
                        Reason::not_a_target});
  }
  facts.stack = stack_of(facts.id, host);
  return out;
}

}  // namespace spliced::device
