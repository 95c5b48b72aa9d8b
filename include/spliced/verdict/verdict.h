// SPDX-License-Identifier: Apache-2.0
// From what was measured to a verdict. Pure functions.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "spliced/plan/spec.h"
#include "spliced/run/snapshot.h"
#include "spliced/verdict/criterion.h"

namespace spliced::run {
class Run;
}

namespace spliced::verdict {

enum class Verdict : std::uint8_t { none, pass, fail, inconclusive };
inline constexpr std::array<std::string_view, 4> kVerdictNames{"", "PASS", "FAIL", "INCONCLUSIVE"};

// What a run showed, and what is to be made of it.
struct DeviceSnapshot : run::DeviceSnapshot {
  Verdict verdict = Verdict::none;  // none while it runs
  std::vector<CriterionResult> criteria;
};

// What a device, or a job of several, came to.
struct Judgement {
  Verdict verdict = Verdict::none;
  std::string reason;  // why it is no PASS; "" for one, and for what is still running
  std::vector<CriterionResult> criteria;
};

// Judges a device by its state and counts. `host_errors`: how many of its errors were of the daemon's own means. They
// say nothing of the device and count in no criterion, but where there was one, the device was not tried as it was to
// be. `unmeasured`: nor was it for another reason, which is the run's.
[[nodiscard]] Judgement judge(const plan::Criteria& criteria, const run::DeviceSnapshot& device,
                              std::uint64_t host_errors = 0, bool unmeasured = false, const Peers& peers = {});

// What a run shows, with what is to be made of it.
[[nodiscard]] DeviceSnapshot judged(const plan::Criteria& criteria, run::DeviceSnapshot device,
                                    const Peers& peers = {});

// What one device of a job came to.
struct DeviceEnd {
  std::string name;
  run::State state = run::State::succeeded;
  Verdict verdict = Verdict::none;
  std::string reason;
};
// Of a run that is over, without percentiles, as judged() takes it. The state is `stopping` where it was stopped from
// outside; then it is shown as cancelled.
[[nodiscard]] run::DeviceSnapshot brief_of(const run::Run& run);
[[nodiscard]] DeviceEnd end_of(const run::Run& run, run::DeviceSnapshot brief, const plan::Criteria& criteria,
                               const Peers& peers = {});

// FAIL before INCONCLUSIVE before none before PASS. Of no devices: none.
[[nodiscard]] Verdict worst_of(const std::vector<Verdict>& verdicts);

}  // namespace spliced::verdict
