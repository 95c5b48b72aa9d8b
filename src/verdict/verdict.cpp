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

bool moved_anything(const run::DeviceSnapshot& device) {
  return std::any_of(device.ops.begin(), device.ops.end(), [](const run::OpSnapshot& op) { return op.bytes != 0; });
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

std::string name_in_job(const CriterionResult& result) {
  return fmt::format("criteria.{}{}", result.name, result.stage.empty() ? "" : " in the stage " + result.stage);
}

std::string describe(const CriterionResult& result, const run::DeviceSnapshot& device) {
  const double measured = result.measured.value_or(0);
  if (result.name == kMaxMismatches) {
    const bool none_right = device.verify.mismatched_bytes >= device.verify.bytes;
    return fmt::format("{:.0f} {} not hold what was written ({}), {:.0f} allowed by criteria.{}{}", measured,
                       measured == 1 ? "interval does" : "intervals do", kinds_of(device.verify), result.limit,
                       result.name, none_right ? "; nothing of what was written is there" : "");
  }
  if (result.name == kMaxIoErrors) {
    return fmt::format("{:.0f} I/O {}, {:.0f} allowed by criteria.{}", measured, measured == 1 ? "error" : "errors",
                       result.limit, result.name);
  }
  return fmt::format("{} was {}, {} allowed{}", name_in_job(result), format_measure(result.name, measured),
                     format_measure(result.name, result.limit), result.note.empty() ? "" : ": " + result.note);
}

// The first that is so, of those that are about the device or about how much was shown.
const CriterionResult* first_in(const std::vector<CriterionResult>& criteria, CriterionState state,
                                bool about_evidence) {
  const auto found = std::find_if(criteria.begin(), criteria.end(), [&](auto& one) {
    const bool decides = one.required || state != CriterionState::not_measurable;
    return one.state == state && decides && is_about_evidence(one.name) == about_evidence;
  });
  return found == criteria.end() ? nullptr : &*found;
}

// Why it is not known whether all criteria are met; "" where it is.
std::string unknown_of(const std::vector<CriterionResult>& criteria, const run::DeviceSnapshot& device) {
  if (const auto* unmet = first_in(criteria, CriterionState::not_met, true)) return describe(*unmet, device);
  const auto* unmeasured = first_in(criteria, CriterionState::not_measurable, false);
  if (unmeasured == nullptr) unmeasured = first_in(criteria, CriterionState::not_measurable, true);
  if (unmeasured == nullptr) return "";
  return fmt::format("{} could not be measured: {}", name_in_job(*unmeasured), unmeasured->note);
}

// Why what was to be checked is not; "" where it is.
std::string unchecked(const Criteria& criteria, const run::DeviceSnapshot& device) {
  const std::uint64_t allowed = criteria.max_indeterminate.value_or(0);  // of bytes that cannot be judged
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
  if (verify.indeterminate_bytes > allowed) {
    const bool found = !verify.adopted_run_id.empty();
    return fmt::format("{} bytes could not be judged: {}", verify.indeterminate_bytes,
                       found ? "they may be of a write that was cut off, or of a stage with other intervals"
                             : "a write to them failed, or was given up");
  }
  return "";
}

}  // namespace

Judgement judge(const Criteria& criteria, const run::DeviceSnapshot& device, std::uint64_t host_errors, bool unmeasured,
                const Peers& peers) {
  Judgement out;
  out.criteria = measure_criteria(criteria, device, host_errors, peers);
  if (!run::is_final(device.state)) return out;
  const auto decide = [&out](Verdict verdict, std::string reason) {
    out.verdict = verdict;
    out.reason = std::move(reason);
    return out;
  };
  const bool trusted = device.verify.host_fault_count() == 0 && !device.host_untrusted;
  if (const auto* broken = first_in(out.criteria, CriterionState::not_met, false)) {
    if (broken->name != kMaxMismatches || trusted) return decide(Verdict::fail, describe(*broken, device));
    return decide(Verdict::inconclusive, describe(*broken, device) + "; but " + unchecked(criteria, device));
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
  std::string reason = unchecked(criteria, device);
  if (reason.empty()) reason = unknown_of(out.criteria, device);
  if (!reason.empty()) return decide(Verdict::inconclusive, std::move(reason));
  const auto open = std::find_if(out.criteria.begin(), out.criteria.end(),
                                 [](auto& one) { return one.state == CriterionState::open && one.required; });
  if (open != out.criteria.end()) return decide(Verdict::none, name_in_job(*open) + " waits for the other devices");
  return decide(Verdict::pass, "");
}

DeviceSnapshot judged(const Criteria& criteria, run::DeviceSnapshot device, const Peers& peers) {
  Judgement judgement = judge(criteria, device, device.host_errors, device.unmeasured, peers);
  DeviceSnapshot out{std::move(device), judgement.verdict, std::move(judgement.criteria)};
  if (out.reason.empty()) out.reason = std::move(judgement.reason);
  return out;
}

run::DeviceSnapshot brief_of(const run::Run& run) {
  const State state = run.outcome(State::stopping);
  run::DeviceSnapshot out = run.snapshot(0, state == State::stopping ? State::cancelled : state, run::Detail::counts);
  out.facts = run.facts();
  return out;
}

DeviceEnd end_of(const run::Run& run, run::DeviceSnapshot brief, const Criteria& criteria, const Peers& peers) {
  DeviceSnapshot seen = judged(criteria, std::move(brief), peers);
  return {run.facts().name, run.outcome(State::stopping), seen.verdict, std::move(seen.reason)};
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
