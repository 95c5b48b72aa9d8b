// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <memory>

#include "device_plan.h"
#include "spliced/run/checkpoint.h"
#include "spliced/run/stage_figures.h"
#include "spliced/run/stage_spec.h"

namespace spliced::run {

// By util::OpClass; null where the stage does not do it, or its bytes are no data.
using BandsByOp = std::array<figures::LiveBands*, util::kOpClasses>;

// What the workers of a stage count over its range.
class StageBands {
 public:
  // A stage of several streams has no passes of its own.
  StageBands(const StreamsSpec& spec, const figures::BandGrid& grid);

  [[nodiscard]] BandsByOp live();
  void add_damage(std::uint64_t offset, std::size_t kind);
  void add_to(StageFigures& out) const;
  // As they are counted, to go on with.
  [[nodiscard]] BandsByDirection tables() const;
  [[nodiscard]] DamageCounts damage() const { return damage_.counts(); }
  void resume(const BandsByDirection& tables, const DamageCounts& damage);

 private:
  const StreamsSpec& spec_;
  const figures::BandGrid grid_;
  std::array<std::unique_ptr<figures::LiveBands>, 2> live_;
  figures::DamageBands damage_;
};

}  // namespace spliced::run
