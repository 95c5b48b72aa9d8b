// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <deque>
#include <functional>
#include <stop_token>
#include <vector>

#include "spliced/engine/engine.h"
#include "spliced/util/random.h"
#include "unit/engine/fake_kernel.h"

namespace spliced::engine::contract {

using test::Fault;

// What is done to a target before a call on it: an error, a limit, an action. By operation and offset.
using TargetHook = std::function<Fault(util::Op, std::uint64_t offset)>;

// An engine with a queue of 32, of which eight are in the kernel at a time and end in any order, drawn from a seed:
// what a ring is like, without one. Its target is a vector.
class ScriptedEngine final : public Engine {
 public:
  static constexpr std::size_t kDepth = 32;
  static constexpr std::size_t kInKernel = 8;

  ScriptedEngine(std::vector<std::byte>& target, const TargetHook& hook, util::Clock& clock, std::stop_token stop,
                 std::uint64_t seed)
      : target_(target), hook_(hook), clock_(clock), stop_(std::move(stop)), random_(seed) {}

  [[nodiscard]] Traits traits() const override { return {kDepth, 1, true}; }
  [[nodiscard]] std::size_t submit(std::span<IoSlot* const> slots) override;
  [[nodiscard]] std::size_t reap(std::span<IoSlot*> ended, std::size_t min, util::Nanos until) override;
  [[nodiscard]] std::size_t withdraw(std::span<IoSlot*> slots) override;
  void use(Direction, const Setting&) override {}
  void release() override {}
  [[nodiscard]] InFlight in_flight() const override { return {flying_.size(), flying_.empty() ? 0 : begun_}; }
  void add_events(std::span<std::uint64_t>) const override {}
  void read(std::span<std::uint64_t>) const override {}

 private:
  void begin(util::Nanos until);
  [[nodiscard]] IoSlot& end_one();
  void move(IoSlot& slot);
  void fail(IoSlot& slot, int error) const;

  std::vector<std::byte>& target_;
  const TargetHook& hook_;
  util::Clock& clock_;
  std::stop_token stop_;
  util::Random random_;
  std::deque<IoSlot*> waiting_;
  std::vector<IoSlot*> flying_;
  util::Nanos begun_ = 0;
};

}  // namespace spliced::engine::contract
