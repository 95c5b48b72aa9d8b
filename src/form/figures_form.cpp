// SPDX-License-Identifier: Apache-2.0
#include "figures_form.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>
#include <vector>

#include "spliced/util/names.h"
#include "spliced/util/units.h"
#include "spliced/verify/damage.h"

namespace spliced::form {

using figures::BandSums;
using figures::BandTable;
using figures::SeriesPoint;
using workload::Histogram;
namespace buckets = workload::buckets;

namespace {

constexpr std::uint64_t kMicrosecond = 1'000;  // nanoseconds

std::string name_of(std::size_t op) {
  return std::string(util::kOpClassNames.at(op));
}

template <class T>
Json column(const std::vector<T>& values, bool compact) {
  const bool same = std::all_of(values.begin(), values.end(), [&](T one) { return one == values.front(); });
  if (compact && same && !values.empty()) return values.front();
  return values;
}

template <class T>
std::vector<T> read_column(const Json& from, std::size_t count) {
  if (from.is_number()) return std::vector<T>(count, from.get<T>());
  auto out = from.get<std::vector<T>>();
  if (out.size() != count) throw std::out_of_range("a column of another length");
  return out;
}

template <class T>
std::vector<std::uint64_t> one_of_each(const std::vector<BandSums>& sums, T BandSums::*member, std::uint64_t unit = 1) {
  std::vector<std::uint64_t> out;
  out.reserve(sums.size());
  for (const BandSums& one : sums) out.push_back(one.*member / unit);
  return out;
}

Json bands_of(const BandTable& table, bool compact) {
  return {{"offset_bytes", table.grid.offset()},
          {"size_bytes", table.grid.size()},
          {"band_bytes", table.grid.width()},
          {"bands", table.grid.count()},
          {"passes", table.round + 1},
          {"bytes", column(one_of_each(table.sums, &BandSums::bytes), compact)},
          {"busy_us", column(one_of_each(table.sums, &BandSums::busy, kMicrosecond), compact)},
          {"longest_us", column(one_of_each(table.sums, &BandSums::longest), compact)},
          {"errors", column(one_of_each(table.sums, &BandSums::errors), compact)},
          {"bytes_per_second", column(table.last, compact)},
          {"bytes_per_second_before", table.before.empty() ? Json() : column(table.before, compact)}};
}

BandTable read_bands(const Json& from) {
  BandTable out;
  out.grid = {from.at("offset_bytes").get<std::uint64_t>(), from.at("size_bytes").get<std::uint64_t>()};
  const std::size_t count = out.grid.count();
  out.round = from.at("passes").get<std::uint32_t>() - 1;
  const auto bytes = read_column<std::uint64_t>(from.at("bytes"), count);
  const auto busy = read_column<std::uint64_t>(from.at("busy_us"), count);
  const auto longest = read_column<std::uint32_t>(from.at("longest_us"), count);
  const auto errors = read_column<std::uint32_t>(from.at("errors"), count);
  for (std::size_t i = 0; i < count; ++i) out.sums.push_back({bytes[i], busy[i] * kMicrosecond, longest[i], errors[i]});
  out.last = read_column<float>(from.at("bytes_per_second"), count);
  const Json& before = from.at("bytes_per_second_before");
  if (!before.is_null()) out.before = read_column<float>(before, count);
  return out;
}

// A bucket is known by the nanoseconds in its middle.
Json histogram_of(const Histogram& histogram) {
  Json counts = Json::array();
  for (std::size_t i = 0; i < histogram.counts().size(); ++i) {
    if (histogram.counts()[i] != 0) counts.push_back({buckets::value_of(i), histogram.counts()[i]});
  }
  return {{"count", histogram.count()},
          {"sum_ns", histogram.sum_nanos()},
          {"max_ns", histogram.max_nanos()},
          {"buckets_ns", std::move(counts)}};
}

Histogram read_histogram(const Json& from) {
  Histogram out;
  for (const Json& one : from.at("buckets_ns"))
    out.add(buckets::index_of(one.at(0).get<std::uint64_t>()), one.at(1).get<std::uint64_t>());
  out.add_sums(from.at("sum_ns").get<std::uint64_t>(), from.at("max_ns").get<std::uint64_t>());
  if (out.count() != from.at("count").get<std::uint64_t>()) throw std::out_of_range("a histogram with another sum");
  return out;
}

// To four digits, which is what a series knows.
double rounded(double value) {
  if (value == 0) return 0;
  const double scale = std::pow(10, 3 - std::floor(std::log10(std::abs(value))));
  return std::round(value * scale) / scale;
}
double seconds_of(double nanos) {
  return rounded(nanos) / 1e9;
}

Json point_of(const figures::SeriesOp& op) {
  return {{"bytes_per_second", {rounded(op.bytes), rounded(op.bytes_low), rounded(op.bytes_high)}},
          {"operations_per_second", {rounded(op.operations), rounded(op.operations_low), rounded(op.operations_high)}},
          {"latency_seconds", {seconds_of(op.p50), seconds_of(op.p99), seconds_of(op.longest)}}};
}

}  // namespace

Json render_figures(const run::StageFigures& figures, bool compact) {
  Json bands = Json::object(), latency = Json::object(), damage = Json::array();
  for (std::size_t i = 0; i < figures.bands.size(); ++i)
    bands[name_of(i)] = figures.bands[i] ? bands_of(*figures.bands[i], compact) : Json();
  for (std::size_t i = 0; i < figures.latency.size(); ++i) {
    latency[name_of(i)] = figures.latency[i].count() != 0 ? histogram_of(figures.latency[i]) : Json();
  }
  for (const auto& [place, count] : figures.damage)
    damage.push_back({{"band", place.first}, {"kind", verify::kKindNames.at(place.second)}, {"count", count}});
  return {{"stage", figures.stage},
          {"bands", std::move(bands)},
          {"damage", std::move(damage)},
          {"latency", std::move(latency)}};
}

run::StageFigures read_figures(const Json& from) {
  run::StageFigures out;
  out.stage = from.at("stage").get<std::string>();
  for (std::size_t i = 0; i < out.bands.size(); ++i) {
    if (const Json& bands = from.at("bands").at(name_of(i)); !bands.is_null()) out.bands[i] = read_bands(bands);
  }
  for (std::size_t i = 0; i < out.latency.size(); ++i) {
    const Json& latency = from.at("latency").at(name_of(i));
    if (!latency.is_null()) out.latency[i] = read_histogram(latency);
  }
  for (const Json& one : from.at("damage")) {
    const auto kind = std::find(verify::kKindNames.begin(), verify::kKindNames.end(), one.at("kind"));
    if (kind == verify::kKindNames.end()) throw std::out_of_range("a kind of damage");
    out.damage[{one.at("band").get<std::size_t>(), static_cast<std::size_t>(kind - verify::kKindNames.begin())}] =
        one.at("count").get<std::uint64_t>();
  }
  return out;
}

Json render_over_time(const run::OverTime& all) {
  Json points = Json::array();
  for (const SeriesPoint& point : all.series.points()) {
    Json& out = points.emplace_back(Json::object());
    out["start_seconds"] = point.start;
    out["length_seconds"] = rounded(point.length);
    for (std::size_t i = 0; i < point.ops.size(); ++i) {
      const figures::SeriesOp& op = point.ops[i];
      if (op.bytes_high != 0 || op.operations_high != 0) out[name_of(i)] = point_of(op);
    }
    if (point.errors != 0) out["errors"] = std::round(point.errors);
    if (point.temperature) out["temperature_celsius"] = *point.temperature;
    if ((point.marks & SeriesPoint::kPaused) != 0) out["paused"] = true;
    if ((point.marks & SeriesPoint::kRamp) != 0) out["ramp"] = true;
  }
  return {{"began_at", util::format_time(all.began)},
          {"resolution_seconds", all.series.resolution()},
          {"points", std::move(points)}};
}

std::string write_figures(const run::StageFigures& figures) {
  return render_figures(figures, true).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<run::StageFigures> parse_figures(const std::string& text) try {
  return read_figures(Json::parse(text));
} catch (const std::exception&) {
  return std::nullopt;
}

namespace {

// Eight bytes say when it began, milliseconds since 1970, little endian.
constexpr std::size_t kTimeBytes = 8;

}  // namespace

std::string write_over_time(const run::OverTime& all) {
  using std::chrono::milliseconds;
  const auto began =
      static_cast<std::uint64_t>(std::chrono::duration_cast<milliseconds>(all.began.time_since_epoch()).count());
  std::string out;
  for (std::size_t i = 0; i < kTimeBytes; ++i) out += static_cast<char>(began >> (8 * i));
  return out + all.series.pack();
}

std::optional<run::OverTime> parse_over_time(const std::string& bytes) {
  if (bytes.size() < kTimeBytes) return std::nullopt;
  std::uint64_t began = 0;
  for (std::size_t i = 0; i < kTimeBytes; ++i) began |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  auto series = figures::Series::unpack(std::string_view(bytes).substr(kTimeBytes));
  if (!series) return std::nullopt;
  return run::OverTime{util::WallTime(std::chrono::milliseconds(static_cast<std::int64_t>(began))), std::move(*series)};
}

}  // namespace spliced::form
