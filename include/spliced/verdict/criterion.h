// SPDX-License-Identifier: Apache-2.0
// A job's criteria against what was measured. Plain values and pure functions.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spliced/plan/spec.h"
#include "spliced/run/snapshot.h"

namespace spliced::verdict {

enum class CriterionState : std::uint8_t {
  open,  // what it is about goes on
  met,
  not_met,
  not_measurable  // and nobody can tell any more
};
inline constexpr std::array<std::string_view, 4> kCriterionStateNames{"open", "met", "not_met", "not_measurable"};

struct CriterionResult {
  std::string name;   // its place in `criteria`, with dots: "latency.read.p99.9"
  std::string stage;  // "": of the device
  double limit = 0;   // in its unit: see criterion_unit()
  std::optional<double> measured;
  CriterionState state = CriterionState::met;
  bool required = true;  // else it decides nothing where it is not measurable
  std::string note;      // what else there is to say
};

// "operations", "intervals", "bytes", "seconds", "bytes_per_second" or "ratio"; "" of a name that is no criterion's.
[[nodiscard]] std::string_view criterion_unit(std::string_view name);
// Whether it is about how much was shown, and not about the device: where it is not met, nothing is known.
[[nodiscard]] bool is_about_evidence(std::string_view name);
// For people: "12.3 MB/s", "3.2 ms", "12 %".
[[nodiscard]] std::string format_measure(std::string_view name, double value);

// What the other devices of a job show of one of them.
struct Peers {
  bool complete = false;  // all have ended
  std::size_t count = 0;  // of its model, itself too
  std::optional<double>
      deviation;      // by how much it is slower than their median, in the stage where it is most; 0: none
  std::string stage;  // that one
};
inline constexpr std::size_t kLeastPeers = 4;
// Of each device, in their order.
[[nodiscard]] std::vector<Peers> compare_peers(const std::vector<const run::DeviceSnapshot*>& devices);

// The share of the range that was judged right after it was last written, 0 to 1; of devices on which nothing is
// written and nothing compared, the share that was read without an error. None: there is no range.
[[nodiscard]] std::optional<double> coverage_of(const run::DeviceSnapshot& device);

// All that apply: those that the client names, and those that go without saying where a stage measures them.
// `host_errors`: how many of the device's errors were of the daemon's own means, which count in none.
[[nodiscard]] std::vector<CriterionResult> measure_criteria(const plan::Criteria& criteria,
                                                            const run::DeviceSnapshot& device,
                                                            std::uint64_t host_errors, const Peers& peers);

}  // namespace spliced::verdict
