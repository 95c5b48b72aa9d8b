// SPDX-License-Identifier: Apache-2.0
#include "spliced/workload/histogram.h"

#include <algorithm>
#include <cmath>

namespace spliced::workload {

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < other.counts_.size(); ++i) {
    if (other.counts_[i] != 0) add(i, other.counts_[i]);
  }
  add_sums(other.sum_, other.max_);
}

double Histogram::quantile_seconds(double quantile) const {
  const auto wanted =
      std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(quantile * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= wanted) return static_cast<double>(std::min(buckets::value_of(i), max_)) / 1e9;
  }
  return 0;
}

std::vector<std::uint64_t> Histogram::cumulative(const std::vector<double>& bounds) const {
  std::vector<std::uint64_t> out;
  out.reserve(bounds.size());
  std::uint64_t seen = 0;
  std::size_t bucket = 0;
  for (const double bound : bounds) {
    const double nanos = std::round(bound * 1e9);
    for (; bucket < counts_.size() && static_cast<double>(buckets::value_of(bucket)) <= nanos; ++bucket) {
      seen += counts_[bucket];
    }
    out.push_back(seen);
  }
  return out;
}

void LiveHistogram::add_to(Histogram& out) const {
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (const std::uint64_t n = counts_[i].get(); n != 0) out.add(i, n);
  }
  out.add_sums(sum_.get(), max_.get());
}

}  // namespace spliced::workload
