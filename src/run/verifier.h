// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "damage_log.h"
#include "expectation.h"
#include "live_verify.h"
#include "spliced/engine/engine.h"
#include "triangulation.h"

namespace spliced::run {

// What is told of data that is wrong. From the workers' threads, off the hot path.
class DamageOwner {
 public:
  virtual ~DamageOwner() = default;
  virtual void on_damage(const Miscompare& miscompare, bool first_of_its_kind) = 0;
  virtual void on_host_fault(HostFault fault, const std::string& what) = 0;
};

// Checks what one worker reads against what should be there, as long as it is still near the CPU; and now and then what
// it wrote, in memory. Belongs to the worker's thread.
class Verifier {
 public:
  struct Parts {
    const Expectation& expectation;
    std::shared_ptr<const verify::Image> image;  // of what the worker writes; null where it does not
    std::uint32_t first_pass;                    // of the first round of that
    std::uint64_t distance;  // bytes moved after which no cache of the device is taken to hold what was written
    bool counts_passes;      // of what is read
    bool reads;              // whether what is read is to be checked
    DamageLog& log;
    DamageOwner& owner;
    Triangulation::Parts reread;
  };
  explicit Verifier(const Parts& parts) : with_(parts), triangulation_(parts.reread) {}

  // Of a slot that has ended, and was not stopped: what was not delivered is counted.
  void check_read(const engine::IoSlot& slot);
  // Of one that is done.
  void check_written(const engine::IoSlot& slot) {
    if (++written_ % kWrittenShare == 0) [[unlikely]]
      look_at_written(slot);
  }
  [[nodiscard]] bool checks_reads() const { return with_.reads; }
  [[nodiscard]] const LiveVerify& counters() const { return counters_; }

 private:
  static constexpr std::uint64_t kWrittenShare = 64;  // one of so many writes is looked at again
  static constexpr std::uint64_t kAllElsewhere =
      256;  // of what is wrong, so many are checked on another CPU, then a share
  using Data = std::span<const std::byte>;
  using Place = Expectation::Place;
  [[nodiscard]] bool check_piece(Data data, const Place& place, const WriteHistory::Piece& piece);
  void judge(Data data, const Place& place, const WriteHistory::Piece& piece, std::size_t right);
  void report(Data interval, const Place& place, const verify::Generation& expected);
  [[nodiscard]] bool is_right_elsewhere(Data data, std::uint64_t offset, const verify::Generation& expected) const;
  [[nodiscard]] static bool may_be_trimmed(Data data, std::uint64_t offset, const verify::Generation& old);
  void look_at_written(const engine::IoSlot& slot);
  void count_host_fault(HostFault fault, const std::string& what);

  const Parts with_;
  const Triangulation triangulation_;
  LiveVerify counters_;
  std::uint64_t written_ = 0, reported_ = 0;
};

}  // namespace spliced::run
