// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <mutex>
#include <vector>

#include "spliced/run/snapshot.h"

namespace spliced::run {

// The distinct errors of one device: the first kMaxEntries are kept with their counts, the others are counted.
// Thread-safe; only used when something went wrong.
class ErrorLog {
 public:
  static constexpr std::size_t kMaxEntries = 256;

  // Returns how many errors there are now, this one included.
  std::uint64_t add(ErrorEntry entry);
  // Those that are kept, and how many are not.
  void copy_to(std::vector<ErrorEntry>& entries, std::uint64_t& omitted) const;

 private:
  mutable std::mutex mutex_;
  std::vector<ErrorEntry> entries_;
  std::uint64_t omitted_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace spliced::run
