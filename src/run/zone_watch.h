// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "spliced/device/target.h"
#include "spliced/figures/pass_rates.h"
#include "spliced/figures/slow_zones.h"
#include "spliced/run/checkpoint.h"
#include "spliced/run/evidence.h"
#include "spliced/run/stage_figures.h"
#include "spliced/run/stage_spec.h"

namespace spliced::run {

// Looks for slow zones on one device, from what its stages came to. Of the device's thread.
class ZoneWatch {
 public:
  // `limit`: how much slower a zone is; none: nobody asks.
  ZoneWatch(std::optional<double> limit, const device::TargetFacts& facts);

  // A stage that is done.
  void add(const StageSpec& stage, const StageFigures& figures);
  void resume(RatesByOp rates) { rates_ = std::move(rates); }
  [[nodiscard]] const RatesByOp& rates() const { return rates_; }
  [[nodiscard]] bool asked() const { return limit_.has_value(); }

  // Looks for what is to be read again: the grid, and its bands from the first to the last of each part. Empty:
  // nothing.
  struct Again {
    figures::BandGrid grid;
    std::vector<std::pair<std::size_t, std::size_t>> bands;
    bool twice = false;  // they are to be read two times: there was one pass
  };
  [[nodiscard]] Again find_again();
  // What came of reading them, the better of the visits; bytes per second by band, 0 where it was not read.
  void add_again(const figures::BandGrid& grid, const std::vector<float>& rates);

  [[nodiscard]] ZoneReport report() const;

 private:
  struct Found {
    std::vector<float> best;
    std::vector<double> expected;
    std::vector<figures::Zone> zones;
  };
  [[nodiscard]] Found look(const figures::PassRates& rates) const;
  [[nodiscard]] std::vector<std::size_t> regions_of(const figures::BandGrid& grid) const;
  void add_to(ZoneReport& out, std::size_t op) const;

  const std::optional<double> limit_;
  const bool rotational_;
  const std::vector<std::uint64_t> ranges_;  // where each independent access range begins, bytes
  RatesByOp rates_;
  std::array<std::vector<float>, 2> again_;  // by op, what was read again
};

}  // namespace spliced::run
