// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "spliced/util/clock.h"
#include "spliced/util/tally.h"

namespace spliced::workload {

// Log-linear buckets of nanoseconds, 64 in each power of two (exact below 128 ns): a value is known to within 1/128 of
// itself, under 1 %. Covers up to 2^42 ns, 73 minutes; longer ones count in the last bucket, and the maximum is exact.
// The scheme is that of HdrHistogram and of fio.
namespace buckets {
inline constexpr unsigned kSubBits = 6;
inline constexpr unsigned kMaxBits = 42;
inline constexpr std::size_t kLinear = std::size_t{2} << kSubBits;
inline constexpr std::size_t kCount = kLinear + ((kMaxBits - kSubBits - 1) << kSubBits);

[[nodiscard]] constexpr std::size_t index_of(std::uint64_t nanos) {
  if (nanos < kLinear) return static_cast<std::size_t>(nanos);
  if (nanos >> kMaxBits != 0) return kCount - 1;
  const auto shift = static_cast<unsigned>(std::bit_width(nanos)) - kSubBits - 1;
  return kLinear + ((shift - 1) << kSubBits) + ((nanos >> shift) - (std::size_t{1} << kSubBits));
}
// The middle of a bucket.
[[nodiscard]] constexpr std::uint64_t value_of(std::size_t index) {
  if (index < kLinear) return index;
  const std::size_t shift = ((index - kLinear) >> kSubBits) + 1;
  const std::uint64_t step = (index - kLinear) & ((std::size_t{1} << kSubBits) - 1);
  return (((std::uint64_t{1} << kSubBits) + step) << shift) + (std::uint64_t{1} << (shift - 1));
}
}  // namespace buckets

// A copy of one or the sum of many histograms. An ordinary value.
class Histogram {
 public:
  void add(std::size_t bucket, std::uint64_t n) {
    if (counts_.empty()) counts_.resize(buckets::kCount);
    counts_[bucket] += n;
    count_ += n;
  }
  void add_sums(std::uint64_t sum_nanos, std::uint64_t max_nanos) {
    sum_ += sum_nanos;
    if (max_nanos > max_) max_ = max_nanos;
  }
  void merge(const Histogram& other);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  // By bucket; empty when there are none.
  [[nodiscard]] const std::vector<std::uint64_t>& counts() const { return counts_; }
  [[nodiscard]] std::uint64_t sum_nanos() const { return sum_; }
  [[nodiscard]] std::uint64_t max_nanos() const { return max_; }
  [[nodiscard]] double sum_seconds() const { return static_cast<double>(sum_) / 1e9; }
  [[nodiscard]] double max_seconds() const { return static_cast<double>(max_) / 1e9; }
  [[nodiscard]] double mean_seconds() const {
    return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_) / 1e9;
  }
  // The value below or at which a share `quantile` (0 to 1) of all values lies. 0 when there are none.
  [[nodiscard]] double quantile_seconds(double quantile) const;
  // For each bound in seconds, ascending: how many values are at or below it.
  [[nodiscard]] std::vector<std::uint64_t> cumulative(const std::vector<double>& bounds) const;

 private:
  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
};

// Written by one thread, read by any.
class LiveHistogram {
 public:
  void record(util::Nanos nanos) {
    const std::uint64_t value = nanos > 0 ? static_cast<std::uint64_t>(nanos) : 0;
    counts_[buckets::index_of(value)].add();
    sum_.add(value);
    if (value > max_.get()) max_.set(value);
  }
  void add_to(Histogram& out) const;

 private:
  util::Tally sum_;
  util::Tally max_;
  std::array<util::Tally, buckets::kCount> counts_;
};

}  // namespace spliced::workload
