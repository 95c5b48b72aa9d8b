// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "spliced/engine/engine.h"

namespace spliced::engine {

// Moves nothing and succeeds at once. What is measured with it is the rest of the program.
class NullEngine final : public Engine {
 public:
  explicit NullEngine(util::Clock& clock) : clock_(clock) {}
  [[nodiscard]] std::size_t run(std::span<Transfer> transfers, util::Nanos until) override;
  void release() override {}
  void tune(Direction, const PipeSetting&) override {}
  [[nodiscard]] const EngineCounters& counters() const override { return counters_; }

 private:
  util::Clock& clock_;
  EngineCounters counters_;
};

}  // namespace spliced::engine
