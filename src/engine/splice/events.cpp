// SPDX-License-Identifier: Apache-2.0
#include "events.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace spliced::engine {
namespace {

using util::OpClass;

constexpr EventFamily kFallback{"fallback",
                                "spliced_vmsplice_fallbacks_total",
                                "Permanent downgrades of a worker's path through the pipe; one map to copy with EFAULT "
                                "per reading worker is normal.",
                                {"from", "to", "errno"}};
constexpr EventFamily kRetry{
    "retry", "spliced_splice_retries_total", "System calls that were repeated, by errno.", {"errno"}};
constexpr EventFamily kShort{
    "short_transfer", "spliced_splice_short_transfers_total", "Splice calls that moved less than was asked.", {"op"}};
constexpr EventFamily kReset{"pipe_reset",
                             "spliced_pipe_resets_total",
                             "Pipes thrown away after an error, or a stop in the middle of a transfer.",
                             {}};

std::vector<Event> make_events() {
  std::vector<Event> out;
  for (const FallbackName& name : kFallbackNames) {
    for (const int error : kFallbackErrors) {
      out.push_back({&kFallback, {name.from, name.to, ::strerrorname_np(error)}, name.of});
    }
  }
  for (const int error : kRetryErrors) out.push_back({&kRetry, {::strerrorname_np(error)}, {}});
  out.push_back({&kShort, {"read"}, OpClass::read});
  out.push_back({&kShort, {"write"}, OpClass::write});
  out.push_back({&kReset, {}, {}});
  return out;
}

constexpr std::array<Reading, 2> kReadings{
    {{"read_path", "", "", kReadPathNames, OpClass::read},
     {"pipe_size_bytes", "spliced_pipe_size_bytes", "Size of the pipes that a device's data passes through.", {}, {}}}};

}  // namespace

std::span<const Event> splice_events() {
  static const std::vector<Event> events = make_events();
  return events;
}

std::span<const Reading> splice_readings() {
  return kReadings;
}

void add_events(const SpliceCounters& counters, std::span<std::uint64_t> sums) {
  auto sum = sums.begin();
  const auto add = [&sum](const auto& tallies) {
    for (const util::Tally& tally : tallies) *sum++ += tally.get();
  };
  for (const auto& fallbacks : counters.fallbacks) add(fallbacks);
  add(counters.retries);
  add(counters.short_transfers);
  *sum += counters.pipe_resets.get();
}

void read_state(const SpliceCounters& counters, std::span<std::uint64_t> values) {
  values[0] = static_cast<std::uint64_t>(counters.read_path.load(std::memory_order_relaxed));
  values[1] = std::max(counters.pipe_size_bytes[0].get(), counters.pipe_size_bytes[1].get());
}

}  // namespace spliced::engine
