// SPDX-License-Identifier: Apache-2.0
// How much of a device was shown to hold what was last written to it.
#include <algorithm>
#include <map>

#include "spliced/verdict/criterion.h"

namespace spliced::verdict {
namespace {

// Shares of parts of a device, by where each begins; nothing is known of what is before the first. What is said of a
// part holds evenly over it.
class Shares {
 public:
  void set(const workload::BlockRange& range, double share) {
    go_over(range, [share](double) { return share; });
  }
  void raise(const workload::BlockRange& range, double share) {
    go_over(range, [share](double known) { return std::max(known, share); });
  }
  [[nodiscard]] double sum() const {
    double out = 0;
    for (auto it = parts_.begin(); it != parts_.end(); ++it) {
      const auto next = std::next(it);
      if (next != parts_.end()) out += it->second * static_cast<double>(next->first - it->first);
    }
    return out;
  }

 private:
  template <class Change>
  void go_over(const workload::BlockRange& range, Change change) {
    if (range.size == 0) return;
    const std::uint64_t end = range.offset + range.size;
    split(range.offset);
    split(end);
    for (auto it = parts_.find(range.offset); it->first < end; ++it) it->second = change(it->second);
  }
  void split(std::uint64_t at) {
    const auto after = parts_.upper_bound(at);
    parts_.emplace(at, after == parts_.begin() ? 0 : std::prev(after)->second);
  }

  std::map<std::uint64_t, double> parts_;
};

}  // namespace

// What is written is not known to be right until it is checked, even if only a part of the range was written.
std::optional<double> coverage_of(const run::DeviceSnapshot& device) {
  Shares shares;
  std::vector<workload::BlockRange> ranges;
  const bool only_reads = std::none_of(device.shown.begin(), device.shown.end(),
                                       [](auto& one) { return one.what.changes || one.what.checks; });
  for (const auto& [name, stage] : device.shown) {
    if (stage.range.size == 0) continue;
    ranges.push_back(stage.range);
    const std::uint64_t bytes = only_reads ? stage.visited_bytes : stage.judged_bytes;
    const double share = static_cast<double>(bytes) / static_cast<double>(stage.range.size);
    stage.changes ? shares.set(stage.range, share) : shares.raise(stage.range, share);
  }
  if (ranges.empty()) return std::nullopt;  // of an earlier version's record, too
  const std::uint64_t whole = std::max(run::whole_of(ranges).size, device.range.size);
  if (whole == 0) return std::nullopt;
  return std::min(1.0, shares.sum() / static_cast<double>(whole));
}

}  // namespace spliced::verdict
