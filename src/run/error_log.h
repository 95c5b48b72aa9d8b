// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <mutex>
#include <vector>

#include "spliced/run/checkpoint.h"
#include "spliced/run/snapshot.h"

namespace spliced::run {

// The distinct errors of one device: the first kMaxEntries are kept with their counts, the others are counted.
// Thread-safe; only used when something went wrong.
class ErrorLog {
 public:
  static constexpr std::size_t kMaxEntries = 256;

  // Goes on with what was recorded before a restart, perhaps after the checkpoint that is gone on from: what fails
  // there again is the same error. Before any other.
  void resume(const StageSnapshot& known, const Checkpoint& from);
  // What there was after that checkpoint.
  void add_before_to(DeviceTotals& out) const;
  // Returns how many errors there are now, this one included.
  std::uint64_t add(ErrorEntry entry);
  // Those that are kept, and how many are not.
  void copy_to(std::vector<ErrorEntry>& entries, std::uint64_t& omitted) const;

 private:
  mutable std::mutex mutex_;
  std::vector<ErrorEntry> entries_;
  std::uint64_t omitted_ = 0;
  std::uint64_t total_ = 0;
  std::size_t known_ = 0;                               // entries, from before a restart
  std::array<std::uint64_t, util::kOpClasses> late_{};  // errors after the checkpoint, by class,
  std::uint64_t late_of_host_ = 0;                      // and how many of them are the host's
};

}  // namespace spliced::run
