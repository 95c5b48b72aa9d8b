// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "spliced/run/checkpoint.h"
#include "spliced/run/verification.h"

namespace spliced::run {

// What may be kept of the miscompares of a device, in all of its stages.
struct DamageBudget {
  static constexpr std::size_t kMost = 1'000;
  static constexpr std::size_t kMostDumps = 100;  // of them, those that are kept with what was found
  std::atomic<std::size_t> kept{0};
};

// The miscompares of one stage on a device: the first are kept, the others are counted. Thread-safe; only used when
// something is wrong.
class DamageLog {
 public:
  explicit DamageLog(DamageBudget& budget) : budget_(budget) {}
  static constexpr std::size_t kMostSectors = 64;      // that are kept of each
  static constexpr std::size_t kMostTriangulated = 8;  // of each kind: each takes more than a second

  // Whether one of this kind is to be looked into, because few were before.
  [[nodiscard]] bool claim_triangulation(verify::Kind kind);
  // Goes on with what was recorded before a restart, perhaps after the checkpoint that is gone on from: what is found
  // at the same place again is the same damage. Before any other.
  void resume(const VerifySnapshot& known, const Checkpoint& from);
  // What was found after that checkpoint.
  void add_before_to(VerifyTotals& out) const;
  // Whether it is the first of its kind.
  bool add(Miscompare one);
  // Those that are kept, how many are not, and the shift that all of the misdirected ones have.
  void copy_to(VerifySnapshot& out) const;

 private:
  DamageBudget& budget_;
  mutable std::mutex mutex_;
  std::vector<Miscompare> entries_;
  std::uint64_t omitted_ = 0;
  std::array<std::uint64_t, verify::kKinds> counts_{}, triangulated_{};
  std::optional<std::int64_t> shift_;
  bool one_shift_ = true;
  [[nodiscard]] bool replace_known(const Miscompare& one);
  std::set<std::uint64_t> known_;  // offsets, from before a restart
  VerifyTotals late_;              // after the checkpoint
};

}  // namespace spliced::run
