// SPDX-License-Identifier: Apache-2.0
// Where a disk is slower than the rest of it lets one expect. A share of the disk's mean or median would not do: every
// healthy hard disk is half as fast at its inner end as at its outer one.
#pragma once
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace spliced::figures {

// Fewer bands say too little of what is usual.
inline constexpr std::size_t kLeastBands = 50;

// `rates`: of each band, in any unit; 0 where it is not known. `regions`: the first band of each part that has heads of
// its own (independent access ranges), ascending, the first 0; empty: it is one. For each band what is to be expected:
// within its region the higher of the running median over 101 bands and a quadratic fitted robustly: the least median
// of squares over 150 random triples (Rousseeuw, "Least Median of Squares Regression", 1984), then Tukey's biweight
// (c = 4.685). 0 where the region has too few bands that are known.
[[nodiscard]] std::vector<double> expected_rates(std::span<const float> rates, std::span<const std::size_t> regions);

// Bands that follow one another.
struct Zone {
  std::size_t first = 0, last = 0;
  double rate = 0, expected = 0;  // the means over them
  bool operator==(const Zone&) const = default;
};
// Two bands in a row, or more, that are slower than 1 - `limit` of what is expected. A band whose rate is not known
// ends a zone.
[[nodiscard]] std::vector<Zone> find_slow_zones(std::span<const float> rates, std::span<const double> expected,
                                                double limit);

// What looks slow is read again, and of each band the best of all counts. The bands beside a zone are read with it, so
// many to either side: where a busy host slowed both passes over some of the disk, only these tell what it can do.
inline constexpr std::size_t kBeside = 2;
// The bands to read again: first and last, ascending, apart from one another.
[[nodiscard]] std::vector<std::pair<std::size_t, std::size_t>> to_read_again(std::span<const Zone> zones,
                                                                             std::size_t bands);
// What is to be expected in the zones after that, from the rates that came: 0 where a band was not read again.
void raise_expected(std::span<double> expected, std::span<const Zone> zones, std::span<const float> again,
                    std::span<const std::size_t> regions);

}  // namespace spliced::figures
