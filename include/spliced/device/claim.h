#pragma once
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "spliced/device/host.h"

namespace spliced::device {

class ClaimTable;

// The right of one job to one target within this daemon; given back by the destructor. The kernel's own claim (O_EXCL,
// or flock(2) for files) is held by the descriptor that is kept beside it.
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
  // `whole` is the disk that `node` is a partition of, or `node` itself: a disk and its partitions exclude each other,
  // two partitions do not. On conflict `holder` is set to the job in the way and false is returned.
  [[nodiscard]] bool take(const NodeId& node, const NodeId& whole, const std::string& job, Claim& out,
                          std::string& holder);
  // The job that holds `node` or what it is part of, or "".
  [[nodiscard]] std::string holder_of(const NodeId& node, const NodeId& whole) const;

 private:
  friend class Claim;
  struct Entry {
    NodeId node;
    NodeId whole;
    std::string job;
  };
  [[nodiscard]] const Entry* find(const NodeId& node, const NodeId& whole) const;
  void give_back(const NodeId& node);

  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
};

}  // namespace spliced::device
