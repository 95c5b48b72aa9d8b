// SPDX-License-Identifier: Apache-2.0
#include "zone_watch.h"

#include <fmt/format.h>

#include <algorithm>

namespace spliced::run {

namespace {

// The slowest two bands in a row that are known, as a share of what is expected of them; none where there are none.
std::optional<double> worst_pair(const std::vector<float>& rates, const std::vector<double>& expected) {
  std::optional<double> out;
  const auto slower = [&](std::size_t i) { return 1 - static_cast<double>(rates[i]) / expected[i]; };
  const auto is_known = [&](std::size_t i) { return rates[i] > 0 && expected[i] > 0; };
  for (std::size_t i = 0; i + 1 < rates.size() && i + 1 < expected.size(); ++i) {
    if (is_known(i) && is_known(i + 1)) out = std::max({out.value_or(0), std::min(slower(i), slower(i + 1))});
  }
  return out;
}

// All but a few of its bands must be known: what was not measured is no part of a healthy disk.
bool is_known(const figures::PassRates& rates) {
  return rates.grid.count() != 0 && rates.known() * 100 >= rates.grid.count() * 99;
}
bool is_judged(const figures::PassRates& rates) {
  return is_known(rates) && rates.grid.count() >= figures::kLeastBands;
}

}  // namespace

ZoneWatch::ZoneWatch(std::optional<double> limit, const device::TargetFacts& facts)
    : limit_(limit),
      rotational_(facts.info.rotational),
      ranges_(facts.partition == 0 ? facts.info.access_ranges : std::vector<std::uint64_t>()) {}

void ZoneWatch::add(const StageSpec& stage, const StageFigures& figures) {
  for (std::size_t i = 0; i < rates_.size(); ++i) {
    const auto& table = figures.bands[i];
    if (table && shows_zones(stage, static_cast<util::OpClass>(i), rotational_)) rates_[i].add(*table);
  }
}

std::vector<std::size_t> ZoneWatch::regions_of(const figures::BandGrid& grid) const {
  std::vector<std::size_t> out{0};
  for (const std::uint64_t start : ranges_) {
    if (start <= grid.offset() || start >= grid.offset() + grid.size()) continue;
    // A band that lies in both is taken for the second.
    const std::size_t band = grid.index_of(start);
    if (band > out.back()) out.push_back(band);
  }
  return out;
}

ZoneWatch::Found ZoneWatch::look(const figures::PassRates& rates) const {
  Found out{rates.best(), {}, {}};
  out.expected = figures::expected_rates(out.best, regions_of(rates.grid));
  out.zones = figures::find_slow_zones(out.best, out.expected, *limit_);
  return out;
}

ZoneWatch::Again ZoneWatch::find_again() {
  Again out;
  std::vector<figures::Zone> zones;
  for (const figures::PassRates& rates : rates_) {
    if (!limit_ || !is_judged(rates)) continue;
    const Found found = look(rates);
    if (found.zones.empty() || (!zones.empty() && !(rates.grid == out.grid))) continue;
    out.grid = rates.grid;
    out.twice = out.twice || !rates.twice();
    zones.insert(zones.end(), found.zones.begin(), found.zones.end());
  }
  std::sort(zones.begin(), zones.end(), [](auto& a, auto& b) { return a.first < b.first; });
  out.bands = figures::to_read_again(zones, out.grid.count());
  return out;
}

void ZoneWatch::add_again(const figures::BandGrid& grid, const std::vector<float>& rates) {
  for (std::size_t op = 0; op < rates_.size(); ++op) {
    if (rates_[op].grid == grid) again_[op] = rates;
  }
}

void ZoneWatch::add_to(ZoneReport& out, std::size_t op) const {
  const figures::PassRates& rates = rates_[op];
  Found found = look(rates);
  if (!found.zones.empty() && again_[op].size() != found.best.size()) {
    out.missing = "what looks slow was not read again: reads and writes had other ranges";
    return;
  }
  if (!found.zones.empty()) {
    figures::raise_expected(found.expected, found.zones, again_[op], regions_of(rates.grid));
    for (std::size_t i = 0; i < found.best.size(); ++i) found.best[i] = std::max(found.best[i], again_[op][i]);
    found.zones = figures::find_slow_zones(found.best, found.expected, *limit_);
  }
  const auto worst = worst_pair(found.best, found.expected);
  if (worst) out.worst = std::max(out.worst.value_or(0), *worst);
  for (const figures::Zone& zone : found.zones) {
    const std::uint64_t end = rates.grid.start_of(zone.last) + rates.grid.length_of(zone.last);
    const std::uint64_t offset = rates.grid.start_of(zone.first);
    out.zones.push_back({static_cast<util::OpClass>(op), offset, end - offset, zone.rate, zone.expected});
  }
}

ZoneReport ZoneWatch::report() const {
  ZoneReport out;
  if (!limit_) return out;
  for (std::size_t op = 0; op < rates_.size(); ++op) {
    if (is_judged(rates_[op])) add_to(out, op);
  }
  if (!out.missing.empty()) out.worst.reset();
  if (out.worst || !out.missing.empty()) return out;
  const auto most =
      std::max_element(rates_.begin(), rates_.end(), [](auto& a, auto& b) { return a.grid.count() < b.grid.count(); });
  const std::size_t bands = most->grid.count();
  out.missing = bands == 0 ? "no sequential stage was done"
                : bands < figures::kLeastBands
                    ? fmt::format("{} bands of 64 MiB or more, and it takes {}", bands, figures::kLeastBands)
                    : fmt::format("{} of {} bands were reached", most->known(), bands);
  return out;
}

}  // namespace spliced::run
