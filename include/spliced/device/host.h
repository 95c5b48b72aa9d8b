// What the machine says of its disks and of who uses them, as plain values: whatever judges them is a pure function.
#pragma once
#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace spliced::device {

// What a target is, whatever it is called: a block device by its number, a file by file system and inode.
struct NodeId {
  bool block = false;
  dev_t device = 0;  // st_rdev of a block device, st_dev of a file
  ino_t inode = 0;   // 0 for a block device
  auto operator<=>(const NodeId&) const = default;
};
[[nodiscard]] NodeId block_id(dev_t number);

// Static facts, "" where the system does not know.
struct DeviceInfo {
  std::string wwn, model, serial, revision, transport;
  bool rotational = false;
};

struct BlockNode {
  std::string name;  // kernel name: nvme0n1, sda1, loop0
  dev_t number = 0;
  dev_t whole = 0;         // the disk that a partition is part of; `number` itself for a disk
  std::uint64_t size = 0;  // bytes
  std::uint32_t logical_block = 512;
  bool read_only = false;
  std::vector<std::string> slaves;  // names of the devices that it is built on (device-mapper, md, bcache)
  std::optional<NodeId> backing;    // what a loop device writes to
  std::string backing_path;         // as sysfs names it; "" for what is no loop device, or has no file
  bool backing_unknown = false;     // there is one, but who knows its inode does not answer
  std::uint64_t sequence = 0;       // changes with each attachment (diskseq, Linux 5.15); 0 where there is none
  DeviceInfo info;
  [[nodiscard]] bool is_partition() const { return number != whole; }
};

struct MountPoint {
  dev_t device = 0;              // as mountinfo has it
  std::optional<NodeId> source;  // the mounted device node or image, where the source is a path to one
  std::string target;
  std::string type;
  std::string source_path = "";  // of `source`; "" when the source is no path
  bool own = true;               // in this process's mount namespace
};

struct SwapArea {
  NodeId node;  // none, {}, when its file system does not answer
  std::string path;
};

struct HostView {
  std::vector<BlockNode> blocks;
  std::vector<MountPoint> mounts;  // of every mount namespace that can be read
  std::vector<SwapArea> swaps;

  [[nodiscard]] const BlockNode* find(dev_t number) const;
  [[nodiscard]] const BlockNode* find(const std::string& name) const;
  // File-system type of the mount that `device` (an st_dev) belongs to, or "unknown".
  [[nodiscard]] std::string file_system_of(dev_t device) const;
  // The mount, of this process's namespace, that a path without symbolic links lies on; nullptr when there is none.
  [[nodiscard]] const MountPoint* mount_of(const std::string& path) const;
};

// Where the machine is read from; tests point it at a directory of their own.
struct HostPaths {
  std::string sys = "/sys";
  std::string proc = "/proc";
  std::string dev = "/dev";
};

class Lookout;

// Reads the machine. Thread-safe.
class HostReader {
 public:
  HostReader(HostPaths paths, Lookout& lookout);
  ~HostReader();
  // sysfs, every mountinfo and swaps. What cannot be read is left out. Takes some milliseconds, and up to a second when
  // the file of a loop device or of a mount does not answer: that is then told as unknown.
  [[nodiscard]] HostView read() const;

 private:
  const HostPaths paths_;
  Lookout& lookout_;
  const std::unique_ptr<class LoopBackings> loops_;
};

// Reads it once, with threads of its own, for which it waits.
[[nodiscard]] HostView read_host(const HostPaths& paths = {});

// The names of all block devices, partitions among them. Reads directories of sysfs alone, opens no device.
[[nodiscard]] std::vector<std::string> list_block_names(const HostPaths& paths = {});

// What the kernel itself has counted for a block device since it appeared (/sys/dev/block/MAJ:MIN/stat).
struct KernelCounters {
  std::uint64_t read_ios = 0, read_bytes = 0, write_ios = 0, write_bytes = 0, discard_ios = 0, discard_bytes = 0;
};
[[nodiscard]] std::optional<KernelCounters> read_kernel_counters(dev_t number, const HostPaths& paths = {});

}  // namespace spliced::device
