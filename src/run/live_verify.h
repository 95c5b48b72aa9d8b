// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <atomic>
#include <map>

#include "spliced/run/verification.h"
#include "spliced/util/tally.h"

namespace spliced::run {

// Bytes by pass, of data that tells its pass itself. One writer, any number of readers.
class LivePasses {
 public:
  void add(std::uint32_t pass, std::uint64_t bytes) {
    std::size_t slot = 0;
    while (slot < used_.load(std::memory_order_relaxed) && slots_[slot].pass != pass) ++slot;
    if (slot == kMost) return;
    if (slot == used_.load(std::memory_order_relaxed)) {
      slots_[slot].pass = pass;
      used_.store(slot + 1, std::memory_order_release);
    }
    slots_[slot].bytes.add(bytes);
  }
  void add_to(std::map<std::uint32_t, std::uint64_t>& out) const {
    const std::size_t used = used_.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < used; ++i) out[slots_[i].pass] += slots_[i].bytes.get();
  }

 private:
  static constexpr std::size_t kMost = 64;  // that are told apart; the others are not counted
  struct Slot {
    std::uint32_t pass = 0;  // written before it is in use
    util::Tally bytes;
  };
  std::array<Slot, kMost> slots_;
  std::atomic<std::size_t> used_{0};
};

// What one worker's checks came to. Written by that worker, read by whoever asks.
struct LiveVerify {
  util::Tally bytes, blocks;
  util::Tally mismatched_bytes, indeterminate_bytes, unread_bytes, unwritten_bytes, untraced_bytes, cache_suspect_bytes;
  std::array<util::Tally, verify::kKinds> mismatches;
  std::array<util::Tally, kHostFaults> host_faults;
  LivePasses passes;

  void add_to(VerifyTotals& out) const {
    out.bytes += bytes.get();
    out.blocks += blocks.get();
    out.mismatched_bytes += mismatched_bytes.get();
    out.indeterminate_bytes += indeterminate_bytes.get();
    out.unread_bytes += unread_bytes.get();
    out.unwritten_bytes += unwritten_bytes.get();
    out.untraced_bytes += untraced_bytes.get();
    out.cache_suspect_bytes += cache_suspect_bytes.get();
    for (std::size_t i = 0; i < mismatches.size(); ++i) out.mismatches[i] += mismatches[i].get();
    for (std::size_t i = 0; i < host_faults.size(); ++i) out.host_faults[i] += host_faults[i].get();
  }
};

}  // namespace spliced::run
