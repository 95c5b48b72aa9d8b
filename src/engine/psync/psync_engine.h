// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stop_token>

#include "engine/flight.h"
#include "engine/retry.h"
#include "engine/stopwatch.h"
#include "spliced/engine/kind.h"
#include "spliced/engine/syscalls.h"

namespace spliced::engine {

// Written by the engine's own thread, read by any thread at any time.
struct alignas(64) PsyncCounters {
  RetryCounters retries;
  std::array<util::Tally, kDirections> short_transfers;
  Flight flight;
};

// One block at a time by pread(2) and pwrite(2), straight between the target and the caller's buffer. What there is to
// compare the splice engine with, and to fall back to where a kernel has no splice.
class PsyncEngine final : public Engine {
 public:
  // `fd` and `block_device` as in EngineConfig.
  PsyncEngine(int fd, bool block_device, Syscalls& sys, util::Clock& clock, std::stop_token stop)
      : sys_(sys),
        fd_(fd),
        block_device_(block_device),
        watch_(clock, counters_.flight),
        retry_(sys, counters_.retries, std::move(stop)) {}
  [[nodiscard]] Traits traits() const override { return {1, 1, true}; }
  [[nodiscard]] std::size_t submit(std::span<IoSlot* const> slots) override;
  [[nodiscard]] std::size_t reap(std::span<IoSlot*> ended, std::size_t min, util::Nanos until) override;
  [[nodiscard]] std::size_t withdraw(std::span<IoSlot*> slots) override;
  void use(Direction, const Setting&) override {}
  void release() override {}
  [[nodiscard]] InFlight in_flight() const override { return counters_.flight.read(); }
  void add_events(std::span<std::uint64_t> sums) const override;
  void read(std::span<std::uint64_t>) const override {}

 private:
  [[nodiscard]] bool transfer(IoSlot& slot);

  Syscalls& sys_;
  IoSlot* next_ = nullptr;
  const int fd_;
  const bool block_device_;
  PsyncCounters counters_;
  Stopwatch watch_;
  Retry retry_;
};

[[nodiscard]] std::span<const Event> psync_events();

}  // namespace spliced::engine
