// What the machine says of its disks and of who uses them, as plain values: whatever judges them is a pure function.
#pragma once
#include <sys/types.h>

#include <compare>
#include <cstdint>
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
  DeviceInfo info;
  [[nodiscard]] bool is_partition() const { return number != whole; }
};

struct MountPoint {
  dev_t device = 0;              // as mountinfo has it
  std::optional<NodeId> source;  // the mounted device node, where the source is a path to one
  std::string target;
  std::string type;
};

struct SwapArea {
  NodeId node;
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
};

// Where the machine is read from; tests point it at a directory of their own.
struct HostPaths {
  std::string sys = "/sys";
  std::string proc = "/proc";
  std::string dev = "/dev";
};

// Reads sysfs, every mountinfo and swaps. What cannot be read is left out. Blocks for some milliseconds.
[[nodiscard]] HostView read_host(const HostPaths& paths = {});

// The names of all block devices, partitions among them. Reads directories of sysfs alone, opens no device.
[[nodiscard]] std::vector<std::string> list_block_names(const HostPaths& paths = {});

// What the kernel itself has counted for a block device since it appeared (/sys/dev/block/MAJ:MIN/stat).
struct KernelCounters {
  std::uint64_t read_ios = 0, read_bytes = 0, write_ios = 0, write_bytes = 0, discard_ios = 0, discard_bytes = 0;
};
[[nodiscard]] std::optional<KernelCounters> read_kernel_counters(dev_t number, const HostPaths& paths = {});

}  // namespace spliced::device
