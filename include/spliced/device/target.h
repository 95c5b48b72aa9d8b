// SPDX-License-Identifier: Apache-2.0
// What a target is, and what may be in its way: plain values.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "spliced/device/block_topology.h"
#include "spliced/util/reason.h"

namespace spliced::device {

// One thing in the way: for a person, and in one word.
struct Refusal {
  std::string text;
  util::Reason reason = util::Reason::busy;
  friend bool operator==(const Refusal&, const Refusal&) = default;
};

// What a target is. A plain value, without a descriptor.
struct TargetFacts {
  std::string given;  // as the client named it
  std::string path;   // absolute, without symbolic links
  std::string name;   // kernel name of a block device, path of a file: the `device` label
  NodeId id;
  NodeId whole;  // the disk a partition belongs to; `id` itself otherwise
  bool block_device = false;
  bool exists = true;
  std::uint64_t size = 0;         // bytes
  std::uint32_t alignment = 512;  // bytes, of offset and length when the target is open with O_DIRECT
  std::string file_system;        // of a file: the type of the file system it lies on; "" for a device
  std::string alignment_reason;   // why it is more than the sectors of a disk, "" otherwise
  std::string direct_refused;     // why direct I/O would not reach a device, "" if it does
  std::vector<dev_t> disks;       // below a file, whose counters must show its direct I/O; empty: not known
  std::optional<Zoned> zoned;     // of a device that is host-managed
  // The target and all that it stands on, one node for all paths to one disk; the target itself comes first.
  std::vector<NodeId> stack;
  // Of a file that does not exist: the directory and the file system it would be created in, and the bytes that are
  // free there.
  NodeId directory;
  dev_t home = 0;
  std::uint64_t free_bytes = std::numeric_limits<std::uint64_t>::max();
  DeviceInfo info;
  unsigned partition = 0;                    // its number on the disk; 0 for a disk
  std::string backing = {};                  // of a loop device: the file that it writes to, and its inode
  std::string boot = {};                     // of the kernel that the numbers of `id` and `sequence` are of
  std::vector<std::string> signatures = {};  // that were found on it when it was claimed to be written
  std::uint64_t sequence = 0;  // of a device: another number means that another one took its place; 0: not known
};

// Whether what is at a place now is what was there then, and not another device or file.
[[nodiscard]] bool is_same_thing(const TargetFacts& now, const TargetFacts& then);

// Whether two targets are the same, or one stands on the other.
[[nodiscard]] bool share_a_disk(const TargetFacts& a, const TargetFacts& b);

struct Inspection {
  TargetFacts facts;
  std::vector<Refusal> refusals;  // empty: the target may be used
};

}  // namespace spliced::device
