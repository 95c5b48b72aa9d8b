// SPDX-License-Identifier: Apache-2.0
// What the contract is tested on: an engine, the kernel under it, and a target whose bytes can be looked at.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "scripted_engine.h"
#include "spliced/engine/kind.h"
#include "unit/engine/rig.h"

namespace spliced::engine::contract {

using test::CountingClock;
using test::fill;
using test::make_filled;
using test::make_transfer;
using util::Op;
using util::PageBuffer;

class Subject {
 public:
  virtual ~Subject() = default;
  [[nodiscard]] virtual Engine& engine() = 0;
  [[nodiscard]] virtual const Kind* kind() const { return nullptr; }  // of a registered one
  [[nodiscard]] virtual std::vector<std::byte> target() = 0;
  // The engine is gone, and so is all that it had opened.
  virtual void expect_nothing_left() {}

  static constexpr std::size_t kTargetBytes = 1 << 20;
  TargetHook hook;
  std::stop_source stop;
  CountingClock clock;
};

// By name: "splice_fake", "splice_real", "splice_tomorrow_fake", "splice_tomorrow_real", "psync_fake", "psync_real",
// "scripted", "null".
[[nodiscard]] std::unique_ptr<Subject> make_subject(const std::string& name);

}  // namespace spliced::engine::contract
