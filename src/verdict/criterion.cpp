// SPDX-License-Identifier: Apache-2.0
#include "spliced/verdict/criterion.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace spliced::verdict {
namespace {

using plan::Criteria;

struct Known {
  std::string_view name, unit;
  bool about_evidence = false;
};
// By the first word of a name.
constexpr std::array<Known, 9> kKnown{{{"max_io_errors", "operations"},
                                       {"max_mismatches", "intervals"},
                                       {"max_indeterminate", "bytes", true},
                                       {"min_coverage", "ratio", true},
                                       {"max_slow_zone", "ratio"},
                                       {"max_peer_deviation", "ratio"},
                                       {"steady", "stages", true},
                                       {"latency", "seconds"},
                                       {"min_rate", "bytes_per_second"}}};

const Known* find_known(std::string_view name) {
  const auto found =
      std::find_if(kKnown.begin(), kKnown.end(), [&](auto& one) { return one.name == name.substr(0, name.find('.')); });
  return found == kKnown.end() ? nullptr : &*found;
}

// What is exactly at the limit keeps to it, however it was rounded.
constexpr double kRounding = 1e-9;
constexpr double kExact = 0;  // of a coverage: a sector of a large disk is less than that

CriterionState compare(double limit, double measured, bool at_least, double rounding = kRounding) {
  const bool met = at_least ? measured >= limit * (1 - rounding) : measured <= limit * (1 + rounding);
  return met ? CriterionState::met : CriterionState::not_met;
}

class Measuring {
 public:
  Measuring(const Criteria& criteria, const run::DeviceSnapshot& device, const Peers& peers)
      : criteria_(criteria), device_(device), peers_(peers), over_(run::is_final(device.state)) {}

  std::vector<CriterionResult> run(std::uint64_t errors) {
    count("max_io_errors", criteria_.max_io_errors, errors);
    mismatches();
    indeterminate();
    coverage();
    slow_zone();
    peer_deviation();
    steady();
    for (const auto& [stage, what] : device_.shown) {
      unsteady_ = unsteady_ || (what.steady && what.done && !what.steady->steady);
      for (const run::StageMeasure& one : what.measures) of_stage(stage, what, one);
    }
    return std::move(out_);
  }

 private:
  void count(std::string name, std::uint64_t limit, std::uint64_t measured) {
    const auto most = static_cast<double>(limit), found = static_cast<double>(measured);
    out_.push_back({std::move(name), "", most, found, compare(most, found, false), true, ""});
  }
  // What can only be told at the end, or not even then.
  void at_the_end(std::string name, double limit, std::optional<double> measured, bool at_least, std::string missing) {
    CriterionResult& out = out_.emplace_back();
    out.name = std::move(name);
    out.limit = limit;
    out.measured = measured;
    if (measured && over_) {
      out.state = compare(limit, *measured, at_least, at_least ? kExact : kRounding);
    } else {
      out.state = over_ ? CriterionState::not_measurable : CriterionState::open;
      if (over_) out.note = std::move(missing);
    }
  }

  // Where nothing was checked, nothing was found: that is no 0.
  void mismatches() {
    const run::VerifySnapshot& verify = device_.verify;
    if (!verify.asked_for && !criteria_.max_mismatches) return;
    const std::uint64_t wrong = verify.mismatch_count();
    if (wrong == 0 && verify.bytes == 0) {
      return at_the_end("max_mismatches", static_cast<double>(criteria_.max_mismatches.value_or(0)), {}, false,
                        "nothing was checked");
    }
    count("max_mismatches", criteria_.max_mismatches.value_or(0), wrong);
  }
  void indeterminate() {
    if (!criteria_.max_indeterminate) return;
    count("max_indeterminate", *criteria_.max_indeterminate, device_.verify.indeterminate_bytes);
  }
  void coverage() {
    if (!criteria_.min_coverage) return;
    at_the_end("min_coverage", *criteria_.min_coverage, coverage_of(device_), true, "nothing was to be read");
  }
  void slow_zone() {
    if (!criteria_.max_slow_zone) return;
    const run::ZoneReport& zones = device_.zones;
    at_the_end("max_slow_zone", *criteria_.max_slow_zone, zones.worst, false,
               zones.missing.empty() ? "no sequential stage has ended" : zones.missing);
    out_.back().required = !criteria_.slow_zone_if_measurable;
    if (zones.zones.empty() || !over_) return;
    const run::SlowZone& first = zones.zones.front();
    out_.back().note =
        fmt::format("{} slow {}; the first is {} GB to {} GB from the start, {} at {}, {} expected", zones.zones.size(),
                    zones.zones.size() == 1 ? "zone" : "zones", gigabytes(first.offset),
                    gigabytes(first.offset + first.length), util::kOpClassNames[static_cast<std::size_t>(first.op)],
                    format_measure("min_rate", first.bytes_per_second), format_measure("min_rate", first.expected));
  }
  static std::string gigabytes(std::uint64_t bytes) { return fmt::format("{:.2f}", static_cast<double>(bytes) / 1e9); }

  void peer_deviation() {
    if (!criteria_.max_peer_deviation) return;
    std::string missing = "no stage has a rate of its own on all of them";
    if (device_.facts.info.model.empty()) {
      missing = "the model of the device is not known";
    } else if (peers_.count < kLeastPeers) {
      missing = fmt::format("{} of this model in the job, and it takes {}", peers_.count, kLeastPeers);
    }
    CriterionState all = CriterionState::open;
    const auto measured = peers_.complete ? peers_.deviation : std::nullopt;
    at_the_end("max_peer_deviation", *criteria_.max_peer_deviation, measured, false, missing);
    if (!peers_.complete) out_.back().state = all;
    out_.back().required = !criteria_.peers_if_measurable;
    if (measured && *measured > 0) out_.back().note = fmt::format("in the stage {}", peers_.stage);
  }

  // Of stages with an `until`: how many never were steady.
  void steady() {
    if (criteria_.steady != plan::Steady::required) return;
    std::size_t stages = 0, unsteady = 0;
    for (const auto& [stage, what] : device_.shown) {
      if (!what.steady) continue;
      ++stages;
      unsteady += what.done && !what.steady->steady ? 1 : 0;
    }
    std::optional<double> measured;
    if (stages != 0) measured = static_cast<double>(unsteady);
    at_the_end("steady", 0, measured, false, "no stage came to be judged");
  }

  // A stage that was cut off tells nothing but that a maximum was exceeded; nor does what came before it was steady.
  void of_stage(const std::string& stage, const run::StageEvidence& what, const run::StageMeasure& one) {
    CriterionResult& out = out_.emplace_back();
    out.name = one.name;
    out.stage = stage;
    out.limit = one.limit;
    out.measured = one.value;
    if (one.value) {
      out.state = compare(one.limit, *one.value, one.at_least);
      if (out.state == CriterionState::met && !what.done) out.state = CriterionState::open;
    } else {
      out.state = what.done ? CriterionState::not_measurable : CriterionState::open;
      if (what.done) out.note = one.missing;
    }
    if (unsteady_ && criteria_.steady != plan::Steady::none && what.done) {
      out.state = CriterionState::not_measurable;
      out.note = "not_steady: what came before decides nothing";
    }
  }

  const Criteria& criteria_;
  const run::DeviceSnapshot& device_;
  const Peers& peers_;
  const bool over_;
  bool unsteady_ = false;
  std::vector<CriterionResult> out_;
};

}  // namespace

std::string_view criterion_unit(std::string_view name) {
  const Known* known = find_known(name);
  return known == nullptr ? "" : known->unit;
}

bool is_about_evidence(std::string_view name) {
  const Known* known = find_known(name);
  return known != nullptr && known->about_evidence;
}

std::string format_measure(std::string_view name, double value) {
  const std::string_view unit = criterion_unit(name);
  if (unit == "ratio") return fmt::format("{:.3g} %", value * 100);
  if (unit == "bytes_per_second") return fmt::format("{:.3g} MB/s", value / 1e6);
  if (unit == "seconds") {
    return value < 1e-3 ? fmt::format("{:.3g} µs", value * 1e6)
           : value < 1  ? fmt::format("{:.3g} ms", value * 1e3)
                        : fmt::format("{:.3g} s", value);
  }
  return unit == "bytes" ? fmt::format("{:.0f} bytes", value) : fmt::format("{:.0f}", value);
}

std::vector<CriterionResult> measure_criteria(const Criteria& criteria, const run::DeviceSnapshot& device,
                                              std::uint64_t host_errors, const Peers& peers) {
  std::uint64_t errors = 0;
  for (const run::OpSnapshot& op : device.ops) errors += op.errors;
  return Measuring(criteria, device, peers).run(errors - std::min(errors, host_errors));
}

}  // namespace spliced::verdict
