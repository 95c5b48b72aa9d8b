// SPDX-License-Identifier: Apache-2.0
#include "spliced/verdict/verdict.h"

#include <fmt/format.h>

#include <algorithm>

#include "run/device_run.h"

namespace spliced::verdict {

using plan::Criteria;
using run::State;

namespace {

constexpr std::string_view kMaxIoErrors = "max_io_errors";

std::uint64_t io_errors(const run::DeviceSnapshot& device) {
  std::uint64_t out = 0;
  for (const run::OpSnapshot& op : device.ops) out += op.errors;
  return out;
}

bool moved_anything(const run::DeviceSnapshot& device) {
  return std::any_of(device.ops.begin(), device.ops.end(), [](const run::OpSnapshot& op) { return op.bytes != 0; });
}

std::vector<CriterionResult> measure(const Criteria& criteria, const run::DeviceSnapshot& device,
                                     std::uint64_t host_errors) {
  const std::uint64_t all = io_errors(device);
  const std::uint64_t errors = all - std::min(all, host_errors);
  return {{kMaxIoErrors, criteria.max_io_errors, errors, errors <= criteria.max_io_errors}};
}

std::string describe(const CriterionResult& result) {
  return fmt::format("{} I/O {}, {} allowed by criteria.{}", result.measured, result.measured == 1 ? "error" : "errors",
                     result.limit, result.name);
}

}  // namespace

std::string_view criterion_named(std::string_view name) {
  return name == kMaxIoErrors ? kMaxIoErrors : std::string_view();
}

Judgement judge(const Criteria& criteria, const run::DeviceSnapshot& device, std::uint64_t host_errors,
                bool unmeasured) {
  Judgement out;
  out.criteria = measure(criteria, device, host_errors);
  if (!run::is_final(device.state)) return out;
  const auto unmet = std::find_if(out.criteria.begin(), out.criteria.end(), [](auto& one) { return !one.met; });
  if (unmet != out.criteria.end()) {
    out.verdict = Verdict::fail;
    out.reason = describe(*unmet);
  } else if (host_errors != 0 || unmeasured) {
    out.reason = "the daemon's own means failed, which says nothing of the device";
  } else if (device.state == State::failed) {
    out.verdict = Verdict::fail;
  } else if (device.state == State::succeeded && !moved_anything(device)) {
    out.reason = "nothing was moved, which says nothing of the device";
  } else if (device.state == State::succeeded && !device.idle_stage.empty()) {
    out.reason = fmt::format("nothing was moved in the stage {}, which says nothing of the device", device.idle_stage);
  } else if (device.state == State::succeeded) {
    out.verdict = Verdict::pass;
  }
  return out;
}

DeviceSnapshot judged(const Criteria& criteria, run::DeviceSnapshot device) {
  Judgement judgement = judge(criteria, device, device.host_errors, device.unmeasured);
  DeviceSnapshot out{std::move(device), judgement.verdict, std::move(judgement.criteria)};
  if (out.reason.empty()) out.reason = std::move(judgement.reason);
  return out;
}

DeviceEnd end_of(const run::DeviceRun& run, const Criteria& criteria) {
  const State state = run.outcome(State::stopping);
  const State judged_as = state == State::stopping ? State::cancelled : state;
  DeviceSnapshot seen = judged(criteria, run.snapshot(0, judged_as, run::Detail::counts));
  return {run.facts().name, state, seen.verdict, std::move(seen.reason)};
}

Verdict worst_of(const std::vector<Verdict>& verdicts) {
  const auto has = [&](Verdict wanted) {
    return std::find(verdicts.begin(), verdicts.end(), wanted) != verdicts.end();
  };
  if (has(Verdict::fail)) return Verdict::fail;
  return verdicts.empty() || has(Verdict::none) ? Verdict::none : Verdict::pass;
}

}  // namespace spliced::verdict
