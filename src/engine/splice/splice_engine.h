// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <limits>
#include <memory>
#include <stop_token>

#include "counters.h"
#include "spliced/engine/engine.h"
#include "spliced/engine/options.h"
#include "spliced/engine/syscalls.h"

namespace spliced::engine {

inline constexpr std::size_t kMaxBatch = 64;  // slots that may share a filling of the pipe

struct SpliceConfig {
  int fd = -1;                // the target, owned by the caller, open for what is submitted
  bool block_device = false;  // trim by BLKDISCARD; otherwise by punching holes
  bool pinned = false;        // `read_path` must work: no downgrade
  ReadPath read_path = ReadPath::map;
  // To begin with, by Direction: bytes wanted of the pipe (what was obtained is in the counters), and how many slots
  // may share a filling of it, at most kMaxBatch.
  std::array<Setting, kDirections> settings{{{65536, 1}, {65536, 1}}};
  bool gift = false;  // SPLICE_F_GIFT when memory goes into the pipe
  // Bytes, at least 1. A longer read goes through the first so many bytes of its buffer again and again, and its data
  // is not kept: for a caller that does not look at it, and wants it to take little memory and stay in the CPU's cache.
  std::size_t read_window = std::numeric_limits<std::size_t>::max();
};

// Moves data between a target and memory with splice(2) and vmsplice(2) through a pipe. docs/ENGINE.md tells how.
// submit() collects; reap() does what was collected in order, neighbours of one direction on their way together.
class SpliceEngine final : public Engine {
 public:
  SpliceEngine(const SpliceConfig& config, Syscalls& sys, util::Clock& clock, std::stop_token stop);
  ~SpliceEngine() override;
  [[nodiscard]] Traits traits() const override;
  [[nodiscard]] std::size_t submit(std::span<IoSlot* const> slots) override;
  [[nodiscard]] std::size_t reap(std::span<IoSlot*> ended, std::size_t min, util::Nanos until) override;
  [[nodiscard]] std::size_t withdraw(std::span<IoSlot*> slots) override;
  void use(Direction direction, const Setting& setting) override;
  void release() override;
  [[nodiscard]] InFlight in_flight() const override { return counters().flight.read(); }
  void add_events(std::span<std::uint64_t> sums) const override;
  void read(std::span<std::uint64_t> values) const override;
  [[nodiscard]] const SpliceCounters& counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spliced::engine
