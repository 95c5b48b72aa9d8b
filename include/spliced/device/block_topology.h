// SPDX-License-Identifier: Apache-2.0
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
  std::string wwn, vendor, model, serial, revision, transport;
  bool rotational = false;
  std::vector<std::uint64_t> access_ranges = {};  // where each part with an actuator of its own begins, bytes
};

// A disk that is written in zones, each from its start on. Reading it is as on any other.
struct Zoned {
  std::string model;  // as sysfs has it: "host-managed"
  std::uint64_t zone_bytes = 0;
  std::uint64_t zones = 0;
  std::uint64_t max_open = 0, max_active = 0;  // 0: no limit
  std::uint64_t write_granularity = 0;         // bytes; 0 where the kernel does not tell
};

// "/dev/cciss/c0d0" for the kernel's name "cciss!c0d0", as sysfs writes a slash.
[[nodiscard]] std::string node_path(std::string kernel_name);

struct BlockNode {
  std::string name;  // kernel name: nvme0n1, sda1, loop0
  dev_t number = 0;
  dev_t whole = 0;         // the disk that a partition is part of; `number` itself for a disk
  std::uint64_t size = 0;  // bytes
  std::uint32_t logical_block = 512;
  bool read_only = false;
  std::vector<std::string> slaves;  // names of the devices that it is built on (device-mapper, md, bcache)
  std::optional<NodeId> backing;    // what a loop device writes to
  std::uint64_t sequence = 0;       // changes with each attachment (diskseq, Linux 5.15); 0 where there is none
  DeviceInfo info;
  unsigned partition = 0;      // its number on the disk; 0 for a disk
  std::string backing_path;    // of a loop device, as sysfs has it: with it and without `backing`, that is unknown
  bool backing_lost = false;   // the file system of that file has lost its server (FUSE, network) and answers nothing
  std::optional<Zoned> zoned;  // of the disk, when it is host-managed
  std::string zoned_unknown;   // why it cannot be told whether it is, "" if it can
  bool counts_io = true;       // whether the kernel counts what is read and written
  [[nodiscard]] bool is_partition() const { return number != whole; }
  // Of a loop device: the path of the file and its inode, which outlast a detachment; "" where they are not known.
  [[nodiscard]] std::string backing_text() const {
    return backing && !backing_path.empty() ? backing_path + "\n" + std::to_string(backing->inode) : "";
  }
};

struct MountPoint {
  dev_t device = 0;              // as mountinfo has it
  std::optional<NodeId> source;  // the mounted device node or image, where the source is a path to one
  std::string target;
  std::string type;
  std::string source_path{};  // of `source`; "" when the source is no path
  int id = 0;                 // within its mount namespace, as statx(2) has it too
  bool own = false;           // in the mount namespace of the daemon
  std::string root{};         // the directory of the file system that is mounted
  std::string options{};      // of the file system
};

// A file or directory by the file system that it lies on and its path in that one, which no bind mount and no mount
// namespace changes.
struct Place {
  dev_t device = 0;  // as mountinfo has it
  std::string inside;
  [[nodiscard]] bool is_in(const Place& directory) const;
};

// A directory that a mounted overlay is made of.
struct OverlayLayer {
  std::string path;            // in the mount namespace of the overlay
  std::string role;            // "upper", "lower" or "work"
  std::string merged;          // where the overlay is mounted
  std::optional<Place> place;  // unknown where no mount leads to it
  std::optional<NodeId> node;  // by device and inode, where the file system is local and answers
};

struct SwapArea {
  NodeId node;  // none, {}, when its file system does not answer
  std::string path;
};

struct BlockTopology {
  std::vector<BlockNode> blocks;
  std::vector<MountPoint> mounts;  // of every mount namespace that can be read
  std::vector<SwapArea> swaps;
  std::vector<OverlayLayer> layers;
  std::vector<std::vector<dev_t>> pools;  // the disks of each btrfs
  std::vector<std::string> blind_spots;   // what could not be read, one sentence each that names the file

  [[nodiscard]] const BlockNode* find(dev_t number) const;
  [[nodiscard]] const BlockNode* find(const std::string& name) const;
  // File-system type of the mount that `device` (an st_dev) belongs to, or "unknown".
  [[nodiscard]] std::string file_system_of(dev_t device) const;
  // All disks of the btrfs that `disk` is one of; at least that one.
  [[nodiscard]] std::vector<dev_t> pool_of(dev_t disk) const;
  // A mount of the daemon's own namespace by its id, or null.
  [[nodiscard]] const MountPoint* mount(int id) const;
  // Where an absolute path without symbolic links lies, going by the mounts of the daemon's own namespace.
  [[nodiscard]] std::optional<Place> place_of(const std::string& path) const;
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
  // sysfs, every mountinfo and swaps. What cannot be read is left out and told in `blind_spots`. Takes some
  // milliseconds, and up to a second and a half when the files of loop devices or of mounts and the layers of overlays
  // do not answer: that is then told as unknown.
  [[nodiscard]] BlockTopology read() const;

 private:
  const HostPaths paths_;
  Lookout& lookout_;
  const std::unique_ptr<class LoopBackings> loops_;
};

// Reads it once, with threads of its own, for which it waits.
[[nodiscard]] BlockTopology read_host(const HostPaths& paths = {});

// The names of all block devices, partitions among them. Reads directories of sysfs alone, opens no device.
[[nodiscard]] std::vector<std::string> list_block_names(const HostPaths& paths = {});
// The same with what sysfs says of them. Waits for no disk.
[[nodiscard]] std::vector<BlockNode> list_block_nodes(const HostPaths& paths = {});

// What the kernel itself has counted for a block device since it appeared (/sys/dev/block/MAJ:MIN/stat).
struct KernelCounters {
  std::uint64_t read_ios = 0, read_bytes = 0, write_ios = 0, write_bytes = 0, discard_ios = 0, discard_bytes = 0;
};
[[nodiscard]] std::optional<KernelCounters> read_kernel_counters(dev_t number, const HostPaths& paths = {});
// The sum over several; nothing if one of them does not tell.
[[nodiscard]] std::optional<KernelCounters> read_kernel_counters(const std::vector<dev_t>& numbers,
                                                                 const HostPaths& paths = {});

}  // namespace spliced::device
