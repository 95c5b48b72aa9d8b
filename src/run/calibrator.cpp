// SPDX-License-Identifier: Apache-2.0
#include "calibrator.h"

namespace spliced::run {

using engine::Direction;

Calibrator::Calibrator(const std::array<Tuning*, engine::kDirections>& tunings, bool leads) {
  for (std::size_t i = 0; i < tunings.size(); ++i) {
    DirectionState& state = directions_[i];
    state.tuning = tunings[i];
    if (state.tuning == nullptr) continue;
    state.decided = state.tuning->decided();
    state.batch = state.tuning->setting().batch;
    if (!state.decided && leads) state.comparison = std::make_unique<Comparison>(state.tuning->settings().size());
  }
}

// Once in a millisecond or so another setting has its turn; the others follow at their next I/O.
void Calibrator::adapt(util::Op op, std::uint64_t bytes, util::Nanos time, engine::Engine& engine) {
  const Direction direction = op == util::Op::read ? Direction::read : Direction::write;
  DirectionState& state = directions_[engine::index_of(direction)];
  const auto use = [&](const engine::Setting& setting) {
    state.batch = setting.batch;
    engine.use(direction, setting);
  };
  if (!state.comparison) {
    state.decided = state.tuning->decided();
    return use(state.tuning->setting());
  }
  Comparison& comparison = *state.comparison;
  const std::size_t before = comparison.candidate();
  bytes != 0 ? comparison.add_sample(bytes, time) : comparison.add_failure(time);
  comparison.leave_out_from(state.tuning->worth_trying(comparison.first_time()));
  if (comparison.ended()) {
    state.tuning->decide(comparison.best(), comparison.nanos_per_byte());
    state.comparison.reset();
    state.decided = true;
    return use(state.tuning->setting());
  }
  if (comparison.candidate() == before) return;
  state.tuning->try_out(comparison.candidate());
  use(state.tuning->setting());
}

}  // namespace spliced::run
