// SPDX-License-Identifier: Apache-2.0
#include "spliced/figures/series.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace spliced::figures {
namespace {

constexpr double kThousandths = 1'000;
constexpr double kHundredths = 100;
constexpr int kUnknown = -128;  // temperature

bool is_idle(const SeriesOp& op) {
  return op.bytes == 0 && op.operations == 0 && op.bytes_high == 0 && op.operations_high == 0 && op.longest == 0;
}

double weighted(double a, double of_a, double b, double of_b) {
  return of_a + of_b > 0 ? (a * of_a + b * of_b) / (of_a + of_b) : 0;
}

SeriesOp merge(const SeriesOp& a, double length_a, const SeriesOp& b, double length_b) {
  SeriesOp out;
  out.bytes = weighted(a.bytes, length_a, b.bytes, length_b);
  out.bytes_low = std::min(a.bytes_low, b.bytes_low);
  out.bytes_high = std::max(a.bytes_high, b.bytes_high);
  out.operations = weighted(a.operations, length_a, b.operations, length_b);
  out.operations_low = std::min(a.operations_low, b.operations_low);
  out.operations_high = std::max(a.operations_high, b.operations_high);
  out.p50 = weighted(a.p50, a.operations * length_a, b.p50, b.operations * length_b);
  out.p99 = std::max(a.p99, b.p99);
  out.longest = std::max(a.longest, b.longest);
  return out;
}

std::array<Log16, 9> packed_form(const SeriesOp& op) {
  const auto rate = [](double value) { return Log16(value * kThousandths); };
  return {rate(op.bytes),      rate(op.bytes_low),      rate(op.bytes_high),
          rate(op.operations), rate(op.operations_low), rate(op.operations_high),
          Log16(op.p50),       Log16(op.p99),           Log16(op.longest)};
}

SeriesOp op_of(const std::array<Log16, 9>& packed) {
  const auto rate = [&](std::size_t i) { return packed.at(i).value() / kThousandths; };
  return {rate(0), rate(1),           rate(2),           rate(3),          rate(4),
          rate(5), packed[6].value(), packed[7].value(), packed[8].value()};
}

}  // namespace

SeriesPoint merge(const SeriesPoint& first, const SeriesPoint& second) {
  SeriesPoint out;
  out.start = first.start;
  out.length = first.length + second.length;
  for (std::size_t i = 0; i < kSeriesOps; ++i)
    out.ops[i] = merge(first.ops[i], first.length, second.ops[i], second.length);
  out.errors = first.errors + second.errors;
  out.temperature = std::max(first.temperature, second.temperature);  // none is less than any
  out.marks = static_cast<std::uint8_t>(first.marks | second.marks);
  return out;
}

void Series::add(const SeriesPoint& second) {
  pending_ = pending_ ? merge(*pending_, second) : second;
  if (++pending_seconds_ < resolution_) return;
  push(*std::exchange(pending_, std::nullopt));
  pending_seconds_ = 0;
  if (common_.size() >= kMost) halve();
}

void Series::push(const SeriesPoint& point) {
  Common& common = common_.emplace_back();
  constexpr double kMostStart = std::numeric_limits<std::uint32_t>::max();
  common.start = static_cast<std::uint32_t>(std::clamp(std::round(point.start * kHundredths), 0.0, kMostStart));
  common.length = Log16(point.length * kThousandths);
  common.errors = Log16(point.errors);
  common.temperature = static_cast<std::int8_t>(std::clamp(point.temperature.value_or(kUnknown), kUnknown, 127));
  common.marks = point.marks;
  for (std::size_t i = 0; i < kSeriesOps; ++i) {
    if (ops_[i].empty() && is_idle(point.ops[i])) continue;
    if (ops_[i].empty()) ops_[i].reserve(kMost);
    ops_[i].resize(common_.size());
    ops_[i].back() = packed_form(point.ops[i]);
  }
}

SeriesPoint Series::at(std::size_t index) const {
  const Common& common = common_[index];
  SeriesPoint out;
  out.start = common.start / kHundredths;
  out.length = common.length.value() / kThousandths;
  out.errors = common.errors.value();
  if (common.temperature != kUnknown) out.temperature = common.temperature;
  out.marks = common.marks;
  for (std::size_t i = 0; i < kSeriesOps; ++i) {
    if (!ops_[i].empty()) out.ops[i] = op_of(ops_[i].at(index));
  }
  return out;
}

void Series::halve() {
  const std::vector<SeriesPoint> all = points();
  common_.clear();
  for (auto& op : ops_) op.clear();
  for (std::size_t i = 0; i + 1 < all.size(); i += 2) push(merge(all[i], all[i + 1]));
  if (all.size() % 2 != 0) {
    pending_ = all.back();
    pending_seconds_ = resolution_;
  }
  resolution_ *= 2;
}

std::vector<SeriesPoint> Series::points() const {
  std::vector<SeriesPoint> out;
  out.reserve(common_.size() + 1);
  for (std::size_t i = 0; i < common_.size(); ++i) out.push_back(at(i));
  if (pending_) out.push_back(*pending_);
  return out;
}

std::size_t Series::memory() const {
  std::size_t out = sizeof(*this) + common_.capacity() * sizeof(Common);
  for (const auto& op : ops_) out += op.capacity() * sizeof(PackedOp);
  return out;
}

namespace {

constexpr std::uint8_t kVersion = 1;

template <class T>
void put(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
}

// false: there is not as much left.
template <class T>
bool take(std::string_view& from, T& out) {
  if (from.size() < sizeof(T)) return false;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value |= std::uint64_t{static_cast<unsigned char>(from[i])} << (8 * i);
  out = static_cast<T>(value);
  from.remove_prefix(sizeof(T));
  return true;
}
bool take(std::string_view& from, Log16& out) {
  std::uint16_t code = 0;
  if (!take(from, code)) return false;
  out = Log16::of_code(code);
  return true;
}

}  // namespace

// What makes no whole point yet is one by itself.
std::string Series::pack() const {
  Series whole = *this;
  if (whole.pending_) whole.push(*whole.pending_);
  std::string out;
  put(out, kVersion);
  put(out, static_cast<std::uint32_t>(resolution_));
  put(out, static_cast<std::uint32_t>(whole.common_.size()));
  for (const auto& op : whole.ops_) put(out, static_cast<std::uint8_t>(op.empty() ? 0 : 1));
  for (std::size_t i = 0; i < whole.common_.size(); ++i) {
    const Common& common = whole.common_[i];
    put(out, common.start);
    put(out, common.length.code());
    put(out, common.errors.code());
    put(out, static_cast<std::uint8_t>(common.temperature));
    put(out, common.marks);
    for (const auto& op : whole.ops_) {
      if (op.empty()) continue;
      for (const Log16 value : op[i]) put(out, value.code());
    }
  }
  return out;
}

std::optional<Series> Series::unpack(std::string_view bytes) {
  Series out;
  std::uint8_t version = 0;
  std::uint32_t resolution = 0, count = 0;
  std::array<std::uint8_t, kSeriesOps> has{};
  bool good = take(bytes, version) && version == kVersion && take(bytes, resolution) && take(bytes, count);
  for (auto& one : has) good = good && take(bytes, one);
  if (!good || count > kMost || resolution == 0) return std::nullopt;
  out.resolution_ = resolution;
  for (std::uint32_t i = 0; i < count; ++i) {
    Common& common = out.common_.emplace_back();
    std::uint8_t temperature = 0;
    good = take(bytes, common.start) && take(bytes, common.length) && take(bytes, common.errors) &&
           take(bytes, temperature) && take(bytes, common.marks);
    common.temperature = static_cast<std::int8_t>(temperature);
    for (std::size_t op = 0; op < kSeriesOps; ++op) {
      if (has[op] == 0) continue;
      for (Log16& value : out.ops_[op].emplace_back()) good = good && take(bytes, value);
    }
    if (!good) return std::nullopt;
  }
  if (!bytes.empty()) return std::nullopt;
  if (out.common_.size() >= kMost) out.halve();
  return out;
}

HistogramMark::Since HistogramMark::advance(const workload::Histogram& now) {
  told_ = {};
  const auto& counts = now.counts();
  std::size_t used = counts.size();
  while (used > 0 && counts[used - 1] == 0) --used;
  before_.resize(std::max(before_.size(), (used + (std::size_t{1} << coarse_) - 1) >> coarse_));
  since_.assign(before_.size(), 0);
  for (std::size_t i = 0; i < used; ++i) since_[i >> coarse_] += static_cast<std::uint32_t>(counts[i]);
  for (std::size_t i = 0; i < since_.size(); ++i) {
    since_[i] -= before_[i];
    before_[i] += since_[i];
    told_.count += since_[i];
  }
  if (told_.count == 0) return told_;
  const bool is_longest = now.max_nanos() > longest_;
  longest_ = std::max(longest_, now.max_nanos());
  told_.p50 = quantile(0.5);
  told_.p99 = quantile(0.99);
  told_.longest = is_longest ? static_cast<double>(longest_) : quantile(1);
  return told_;
}

double HistogramMark::quantile(double quantile) const {
  if (told_.count == 0) return 0;
  const auto wanted = static_cast<std::uint64_t>(std::max(1.0, std::ceil(quantile * static_cast<double>(told_.count))));
  std::uint64_t seen = 0;
  std::size_t i = 0;
  while (i + 1 < since_.size() && (seen += since_[i]) < wanted) ++i;
  return std::min(static_cast<double>(workload::buckets::value_of((i << coarse_) + (std::size_t{1} << coarse_) / 2)),
                  static_cast<double>(longest_));
}

}  // namespace spliced::figures
