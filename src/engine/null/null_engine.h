// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stop_token>

#include "engine/queue.h"
#include "spliced/engine/engine.h"

namespace spliced::engine {

// Moves nothing and succeeds at once. What is measured with it is the rest of the program.
class NullEngine final : public Engine {
 public:
  explicit NullEngine(util::Clock& clock, std::stop_token stop = {}) : clock_(clock), stop_(std::move(stop)) {}
  [[nodiscard]] Traits traits() const override { return {kDepth, 1, true}; }
  [[nodiscard]] std::size_t submit(std::span<IoSlot* const> slots) override { return queue_.push(slots); }
  [[nodiscard]] std::size_t reap(std::span<IoSlot*> ended, std::size_t min, util::Nanos until) override;
  [[nodiscard]] std::size_t withdraw(std::span<IoSlot*> slots) override { return queue_.withdraw(slots); }
  void use(Direction, const Setting&) override {}
  void release() override {}
  [[nodiscard]] InFlight in_flight() const override { return {}; }
  void add_events(std::span<std::uint64_t>) const override {}
  void read(std::span<std::uint64_t>) const override {}

 private:
  static constexpr std::size_t kDepth = 64;

  util::Clock& clock_;
  std::stop_token stop_;
  SlotQueue<kDepth> queue_;
};

}  // namespace spliced::engine
