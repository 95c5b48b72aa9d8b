// SPDX-License-Identifier: Apache-2.0
#include "spliced/results/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "again.h"
#include "form/figures_reader.h"
#include "form/spec_reader.h"
#include "spliced/util/names.h"

namespace spliced::results {

using form::Json;
using form::object_in;
using form::read_member;
using verdict::CriterionResult;

namespace {

std::string verdict_name(verdict::Verdict verdict) {
  return std::string(verdict::kVerdictNames[static_cast<std::size_t>(verdict)]);
}
std::string or_none(const std::string& verdict) {
  return verdict.empty() ? "no verdict" : verdict;
}

JudgedCriterion for_people(const CriterionResult& one) {
  JudgedCriterion out{one.name, one.stage, verdict::format_measure(one.name, one.limit), "", "", one.note};
  if (one.measured) out.measured = verdict::format_measure(one.name, *one.measured);
  out.state = verdict::kCriterionStateNames[static_cast<std::size_t>(one.state)];
  return out;
}

std::string place_of(const CriterionResult& one) {
  return fmt::format("criteria.{}{}", one.name, one.stage.empty() ? "" : " in the stage " + one.stage);
}

void compare(const std::vector<CriterionResult>& again, const std::vector<CriterionResult>& there,
             std::vector<std::string>& differences) {
  if (again.size() != there.size())
    differences.push_back(fmt::format("{} criteria apply, and it says {}", again.size(), there.size()));
  for (std::size_t i = 0; i < std::min(again.size(), there.size()); ++i) {
    const CriterionResult &a = again[i], &b = there[i];
    const bool same = a.name == b.name && a.stage == b.stage && a.state == b.state && a.required == b.required &&
                      is_same(a.limit, b.limit) && is_same(a.measured, b.measured);
    if (same) continue;
    const auto text = [](const CriterionResult& one) {
      return fmt::format("{} {} ({}, limit {})", place_of(one),
                         verdict::kCriterionStateNames[static_cast<std::size_t>(one.state)],
                         one.measured ? fmt::format("{:.9g}", *one.measured) : "nothing measured", one.limit);
    };
    differences.push_back(fmt::format("{}, and it says {}", text(a), text(b)));
  }
}

JudgedDevice judge_device(const plan::Criteria& criteria, const Device& device, const verdict::Peers& peers,
                          JudgedDevice out) {
  const verdict::DeviceSnapshot& shown = device.shown;
  const auto judgement = verdict::judge(criteria, shown, shown.host_errors, shown.unmeasured, peers);
  out.name = shown.facts.name;
  out.serial = shown.facts.info.serial;
  out.recorded = verdict_name(shown.verdict);
  out.verdict = verdict_name(judgement.verdict);
  out.reason = judgement.reason.empty() ? shown.reason : judgement.reason;
  for (const CriterionResult& one : judgement.criteria) out.criteria.push_back(for_people(one));
  compare(judgement.criteria, shown.criteria, out.differences);
  if (out.verdict != out.recorded) {
    out.differences.push_back(
        fmt::format("it comes to {}, and it says {}", or_none(out.verdict), or_none(out.recorded)));
  }
  return out;
}

std::vector<verdict::Peers> peers_of(const std::vector<Device>& devices, bool partial) {
  std::vector<const run::DeviceSnapshot*> all;
  for (const Device& device : devices) all.push_back(&device.shown);
  std::vector<verdict::Peers> out = verdict::compare_peers(all);
  for (std::size_t i = 0; i < devices.size() && partial; ++i) out[i] = devices[i].peers.value_or(verdict::Peers{});
  return out;
}

Judged judge_job(const Json& document) {
  const Json& job = object_in(document, "job");
  const plan::JobSpec spec = form::read_recorded_spec(job.dump(-1, ' ', false, Json::error_handler_t::replace));
  const std::vector<plan::Leaf> leaves = plan::leaves_of(spec);
  Judged out;
  read_member(job, "id", out.job);
  read_member(job, "name", out.name);
  read_member(job, "state", out.state);
  read_member(job, "verdict", out.recorded);
  std::vector<Device> devices;
  for (const Json& one : form::array_in(document, "devices")) devices.push_back(read_device(one));
  std::uint64_t count = devices.size();
  read_member(document, "device_count", count);
  out.partial = count != devices.size();
  const bool goes_on = !run::is_final(util::named(run::kStateNames, out.state, run::State::running));
  for (Device& device : devices) {
    JudgedDevice& judged = out.devices.emplace_back();
    const auto [ended, worked_out] = Again(leaves, device).work_out(judged.differences);
    judged.stages = ended;
    judged.worked_out = worked_out;
  }
  const auto peers = peers_of(devices, out.partial);
  std::vector<verdict::Verdict> verdicts;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    out.devices[i] = judge_device(spec.criteria, devices[i], peers[i], std::move(out.devices[i]));
    verdicts.push_back(verdict::Verdict::none);
    const auto known = std::find(verdict::kVerdictNames.begin(), verdict::kVerdictNames.end(), out.devices[i].verdict);
    if (known != verdict::kVerdictNames.end())
      verdicts.back() = static_cast<verdict::Verdict>(known - verdict::kVerdictNames.begin());
  }
  // It has none before its end, whatever some of its devices came to.
  out.verdict = out.partial || goes_on ? out.recorded : verdict_name(verdict::worst_of(verdicts));
  if (out.verdict != out.recorded) {
    out.differences.push_back(
        fmt::format("the job comes to {}, and it says {}", or_none(out.verdict), or_none(out.recorded)));
  }
  return out;
}

// What is nested deeper than any document is nothing: to write it down again would take the stack. Never throws.
Json parse(std::string_view text) {
  constexpr int kDeepest = 32;
  struct TooDeep {};
  try {
    return Json::parse(
        text,
        [](int depth, Json::parse_event_t, const Json&) {
          if (depth > kDeepest) throw TooDeep();
          return true;
        },
        false);
  } catch (const TooDeep&) {
    return nullptr;
  }
}

}  // namespace

bool Judged::agrees() const {
  return differences.empty() &&
         std::all_of(devices.begin(), devices.end(), [](const JudgedDevice& one) { return one.differences.empty(); });
}

util::Result<Judged> judge(std::string_view document) try {
  const Json parsed = parse(document);
  if (!parsed.is_object() || !parsed.contains("format"))
    return util::fail(util::Errc::invalid, "it is no results document: one begins with \"format\"");
  if (parsed.at("format") != kFormat) {
    return util::fail(util::Errc::invalid,
                      fmt::format("its format is {}; this program knows {}", parsed.at("format").dump(), kFormat));
  }
  if (!parsed.contains("job") || !parsed.contains("devices"))
    return util::fail(util::Errc::invalid, "it is no results document: \"job\" and \"devices\" are expected");
  if (object_in(parsed, "job").value("run_id", Json()).is_null()) {
    return util::fail(util::Errc::invalid,
                      "an earlier version recorded this job, and did not keep what its verdict was made of");
  }
  return judge_job(parsed);
} catch (const std::exception& error) {
  return util::fail(util::Errc::invalid, fmt::format("it is no results document: {}", error.what()));
}

Checked check(std::string_view document, const std::string& public_key) {
  Checked out;
  const Sealed seal = open_seal(document);
  out.sha256 = seal.sha256;
  out.problem = seal.problem;
  if (!seal.intact) return out;
  const Json parsed = parse(document);
  if (!parsed.is_object()) {
    out.problem = "it is no JSON";
    return out;
  }
  read_member(object_in(parsed, "job"), "id", out.job);
  read_member(parsed, "made_at", out.made_at);
  const Json& signer = object_in(parsed, "signer");
  if (!signer.empty()) {
    Signer& who = out.signer.emplace();
    read_member(signer, "name", who.name);
    read_member(signer, "public_key", who.public_key);
    who.id = key_id_of(who.public_key);
  }
  if (out.signer && !is_signed_by(out.signer->public_key, seal.sha256, seal.signature)) {
    out.problem = fmt::format("it says that the key {} has signed it, and that key has not", out.signer->id);
  } else if (!out.signer && !seal.signature.empty()) {
    out.problem = "it has a signature, and does not say whose";
  } else if (!public_key.empty() && !out.signer) {
    out.problem = "it is not signed";
  } else if (!public_key.empty() && out.signer->public_key != public_key) {
    out.problem = fmt::format("it is signed by the key {}, not by {}", out.signer->id, key_id_of(public_key));
  }
  out.intact = out.problem.empty();
  return out;
}

}  // namespace spliced::results
