// SPDX-License-Identifier: Apache-2.0
#include "spliced/verdict/verdict.h"

#include <fmt/format.h>

#include <algorithm>

#include "run/run.h"

namespace spliced::verdict {

using plan::Criteria;
using run::State;

namespace {

constexpr std::string_view kMaxIoErrors = "max_io_errors", kMaxMismatches = "max_mismatches";

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
  std::vector<CriterionResult> out{{kMaxIoErrors, criteria.max_io_errors, errors, errors <= criteria.max_io_errors}};
  if (!device.verify.asked_for && !criteria.max_mismatches) return out;
  const std::uint64_t wrong = device.verify.mismatch_count();
  const std::uint64_t allowed = criteria.max_mismatches.value_or(0);
  out.push_back({kMaxMismatches, allowed, wrong, wrong <= allowed});
  return out;
}

// The kinds that there were, most of them first.
std::string kinds_of(const run::VerifyTotals& verify) {
  std::vector<std::size_t> kinds;
  for (std::size_t i = 0; i < verify.mismatches.size(); ++i) {
    if (verify.mismatches[i] != 0) kinds.push_back(i);
  }
  std::stable_sort(kinds.begin(), kinds.end(),
                   [&](std::size_t a, std::size_t b) { return verify.mismatches[a] > verify.mismatches[b]; });
  std::string out;
  for (const std::size_t kind : kinds) {
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", verify.mismatches[kind], verify::kKindNames[kind]);
  }
  return out;
}

std::string describe(const CriterionResult& result, const run::DeviceSnapshot& device) {
  if (result.name == kMaxMismatches) {
    const bool none_right = device.verify.mismatched_bytes >= device.verify.bytes;
    return fmt::format("{} {} not hold what was written ({}), {} allowed by criteria.{}{}", result.measured,
                       result.measured == 1 ? "interval does" : "intervals do", kinds_of(device.verify), result.limit,
                       result.name, none_right ? "; nothing of what was written is there" : "");
  }
  return fmt::format("{} I/O {}, {} allowed by criteria.{}", result.measured, result.measured == 1 ? "error" : "errors",
                     result.limit, result.name);
}

const CriterionResult* unmet(const std::vector<CriterionResult>& criteria, std::string_view name) {
  const auto found =
      std::find_if(criteria.begin(), criteria.end(), [&](auto& one) { return one.name == name && !one.met; });
  return found == criteria.end() ? nullptr : &*found;
}

// Why what was to be checked is not; "" where it is.
std::string unchecked(const run::DeviceSnapshot& device) {
  const run::VerifySnapshot& verify = device.verify;
  if (!verify.asked_for) return "";
  if (verify.host_fault_count() != 0 || device.host_untrusted)
    return "this host is not to be trusted: it took data for wrong that was right, or made it wrong";
  if (verify.bytes == 0) return "nothing was found that could be checked";
  if (!device.unchecked_stage.empty())
    return fmt::format("in the stage {}, nothing was found that could be checked", device.unchecked_stage);
  if (verify.untraced_bytes != 0) {
    return fmt::format("{} bytes hold nothing of what that job wrote: it had not come to them, or they were lost",
                       verify.untraced_bytes);
  }
  if (verify.unread_bytes != 0)
    return fmt::format("{} bytes that were to be checked could not be read", verify.unread_bytes);
  if (verify.indeterminate_bytes != 0) {
    const bool found = !verify.adopted_run_id.empty();
    return fmt::format("{} bytes could not be judged: {}", verify.indeterminate_bytes,
                       found ? "they may be of a write that was cut off, or of a stage with other intervals"
                             : "a write to them failed, or was given up");
  }
  return "";
}

}  // namespace

std::string_view criterion_named(std::string_view name) {
  for (const std::string_view known : {kMaxIoErrors, kMaxMismatches}) {
    if (name == known) return known;
  }
  return {};
}

Judgement judge(const Criteria& criteria, const run::DeviceSnapshot& device, std::uint64_t host_errors,
                bool unmeasured) {
  Judgement out;
  out.criteria = measure(criteria, device, host_errors);
  if (!run::is_final(device.state)) return out;
  const auto decide = [&out](Verdict verdict, std::string reason) {
    out.verdict = verdict;
    out.reason = std::move(reason);
    return out;
  };
  const bool trusted = device.verify.host_fault_count() == 0 && !device.host_untrusted;
  if (const auto* errors = unmet(out.criteria, kMaxIoErrors)) return decide(Verdict::fail, describe(*errors, device));
  if (const auto* wrong = unmet(out.criteria, kMaxMismatches)) {
    if (trusted) return decide(Verdict::fail, describe(*wrong, device));
    return decide(Verdict::inconclusive, describe(*wrong, device) + "; but " + unchecked(device));
  }
  if (host_errors != 0 || unmeasured)
    return decide(Verdict::none, "the daemon's own means failed, which says nothing of the device");
  if (device.state == State::failed) return decide(Verdict::fail, "");
  if (device.state != State::succeeded) return out;
  if (!moved_anything(device)) return decide(Verdict::none, "nothing was moved, which says nothing of the device");
  if (!device.idle_stage.empty()) {
    return decide(Verdict::none, fmt::format("nothing was moved in the stage {}, which says nothing of the device",
                                             device.idle_stage));
  }
  if (std::string reason = unchecked(device); !reason.empty()) return decide(Verdict::inconclusive, std::move(reason));
  return decide(Verdict::pass, "");
}

DeviceSnapshot judged(const Criteria& criteria, run::DeviceSnapshot device) {
  Judgement judgement = judge(criteria, device, device.host_errors, device.unmeasured);
  DeviceSnapshot out{std::move(device), judgement.verdict, std::move(judgement.criteria)};
  if (out.reason.empty()) out.reason = std::move(judgement.reason);
  return out;
}

DeviceEnd end_of(const run::Run& run, const Criteria& criteria) {
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
  if (has(Verdict::inconclusive)) return Verdict::inconclusive;
  return verdicts.empty() || has(Verdict::none) ? Verdict::none : Verdict::pass;
}

}  // namespace spliced::verdict
