// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "spliced/device/block_topology.h"

namespace spliced::device {

class ClaimTable;

// A target, first, and everything that it stands on, downwards: the disk of a partition, the devices below a mapped
// one, the file of a loop device.
using Stack = std::vector<NodeId>;
// Whether one of two targets stands on the other, or they are the same.
[[nodiscard]] bool excludes(const Stack& a, const Stack& b);

// The right of one job to one target within this daemon; given back by the destructor. The kernel's own claim (O_EXCL
// and flock(2)) is held by the descriptors that are kept beside it.
class Claim {
 public:
  Claim() = default;
  Claim(Claim&& other) noexcept;
  Claim& operator=(Claim&& other) noexcept;
  ~Claim() { release(); }

 private:
  friend class ClaimTable;

  Claim(ClaimTable* table, NodeId node) : table_(table), node_(node) {}
  void release();

  ClaimTable* table_ = nullptr;
  NodeId node_;
};

// Which job holds which target. Thread-safe. Must outlive its claims.
class ClaimTable {
 public:
  // Two targets exclude each other when one stands on the other: a disk and its partitions, a loop device and its file.
  // Two that only stand on the same one, as two partitions of a disk do, don't. On conflict `holder` is set to the job
  // in the way and false is returned.
  [[nodiscard]] bool acquire(const Stack& stack, const std::string& job, Claim& out, std::string& holder);
  // The job that holds the target or what excludes it, or "".
  [[nodiscard]] std::string holder_of(const Stack& stack) const;
  // Which disk's lock (flock(2)) the holder of a claimed target has; and whether the holder of another one has that.
  void record_lock(const NodeId& target, const NodeId& disk);
  [[nodiscard]] bool is_locked(const NodeId& disk, const NodeId& but_for) const;

 private:
  friend class Claim;
  struct Entry {
    Stack stack;
    std::string job;
    std::optional<NodeId> locked = {};
  };
  [[nodiscard]] const Entry* find(const Stack& stack) const;
  void give_back(const NodeId& node);

  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
};

}  // namespace spliced::device
