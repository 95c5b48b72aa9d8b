// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <array>
#include <memory>

#include "comparison.h"
#include "spliced/engine/engine.h"
#include "tuning.h"

namespace spliced::run {

// How one worker drives its engine, by direction: with settings that are tried out on the job's own I/O at first, and
// then with the best of them. One worker of a device tries, the others follow. Belongs to the worker's thread.
class Calibrator {
 public:
  // By Direction, null where the job moves no data; they outlive it. `leads`: this worker tries.
  Calibrator(const std::array<Tuning*, engine::kDirections>& tunings, bool leads);

  // How many blocks are done together, in the direction that has more of them.
  [[nodiscard]] std::size_t batch() const { return std::max(directions_[0].batch, directions_[1].batch); }
  // How many slots may be under way while one of `op` is to begin.
  [[nodiscard]] std::size_t batch(util::Op op) const {
    const DirectionState* state = state_of(op);
    return state == nullptr ? 1 : state->batch;
  }
  // Whether what is done next decides how the rest is done.
  [[nodiscard]] bool trying(util::Op op) const {
    const DirectionState* state = state_of(op);
    return state != nullptr && !state->decided;
  }
  // I/O of `op` was done while trying: so many bytes, 0 if any of it failed, in `time`. Changes how `engine` goes on.
  void adapt(util::Op op, std::uint64_t bytes, util::Nanos time, engine::Engine& engine);

 private:
  struct DirectionState {
    Tuning* tuning = nullptr;
    std::unique_ptr<Comparison> comparison;  // of the worker that tries, as long as it does
    std::size_t batch = 1;
    bool decided = true;
  };
  [[nodiscard]] const DirectionState* state_of(util::Op op) const {
    return op == util::Op::read ? &directions_[0] : op == util::Op::write ? &directions_[1] : nullptr;
  }

  std::array<DirectionState, engine::kDirections> directions_;
};

}  // namespace spliced::run
