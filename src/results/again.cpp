// SPDX-License-Identifier: Apache-2.0
#include "again.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <variant>

#include "run/stage_evidence.h"
#include "run/zone_watch.h"

namespace spliced::results {

using run::StageEvidence;

namespace {

std::string text_of(const std::optional<double>& value) {
  return value ? fmt::format("{:.9g}", *value) : "nothing";
}

// What was counted in a stage, as far as its evidence is made of it.
run::DeviceTotals totals_of(const run::StageSnapshot& stage, const run::StageFigures& figures) {
  run::DeviceTotals out;
  for (std::size_t i = 0; i < util::kOpClasses; ++i) {
    out.ops[i].bytes = stage.ops[i].bytes;
    out.ops[i].operations = stage.ops[i].operations;
    out.ops[i].latency = figures.latency[i];
  }
  out.verify = stage.verify;
  return out;
}

// How a stage came to be steady, from its rounds alone.
run::SteadyResult steady_again(const run::SteadyResult& recorded, const figures::SteadyRule& rule) {
  run::SteadyResult out = recorded;
  out.steady = false;
  constexpr std::size_t kMostRounds = 10'000;
  const std::size_t most = std::min<std::size_t>({recorded.rounds.size(), rule.max_rounds, kMostRounds});
  for (std::size_t n = 1; n <= most && !out.steady; ++n) {
    out.window = figures::judge_window(std::span(recorded.rounds).first(n), rule);
    out.steady = out.window.steady();
  }
  return out;
}

const run::UntilSteady* until_of(const run::StageSpec& spec) {
  const auto streams = run::streams_of(spec);
  return streams.size() == 1 && streams.front().io.until ? &*streams.front().io.until : nullptr;
}

}  // namespace

bool is_same(double a, double b) {
  return std::abs(a - b) <= 1e-9 * std::max(std::abs(a), std::abs(b));
}
bool is_same(const std::optional<double>& a, const std::optional<double>& b) {
  return a.has_value() == b.has_value() && (!a || is_same(*a, *b));
}

void Again::differs(std::size_t stage, const std::string& what) {
  differences_.push_back(fmt::format("stage {}: {}", device_.shown.stages[stage].name, what));
}

// One that goes on is taken as it stands there: what it shows and its figures are of two moments.
Again::Count Again::work_out(std::vector<std::string>& differences) {
  Count out;
  for (std::size_t i = 0; i < device_.shown.shown.size() && i < leaves_.size(); ++i) {
    if (!run::is_final(device_.shown.stages[i].state)) continue;
    ++out.ended;
    out.worked_out += stage(i) ? 1 : 0;
  }
  zones();
  if (run::is_final(device_.shown.state)) sums();
  differences.insert(differences.end(), differences_.begin(), differences_.end());
  return out;
}

// Whether each operation is in a histogram, or is known to be in none. What was cut off may have been told at another
// moment than its figures are of: then there are none.
bool Again::has_figures(std::size_t index) {
  if (index >= device_.figures.size() || !device_.figures[index]) return false;
  const run::StageSnapshot& stage = device_.shown.stages[index];
  for (std::size_t i = 0; i < util::kOpClasses; ++i) {
    const run::OpSnapshot& op = stage.ops[i];
    const std::uint64_t counted = device_.figures[index]->latency[i].count() + op.across_pause + op.across_flush;
    if (counted == op.operations) continue;
    if (device_.shown.shown[index].what.done) {
      differs(index,
              fmt::format("{} operations have a latency or none to be told, and it says {}", counted, op.operations));
      return true;
    }
    return false;
  }
  return true;
}

// A device is the sum of its stages.
void Again::sums() {
  const verdict::DeviceSnapshot& device = device_.shown;
  std::uint64_t host_errors = 0;
  std::array<std::uint64_t, util::kOpClasses> errors{};
  std::array<std::uint64_t, verify::kKinds> mismatches{};
  for (const run::StageSnapshot& stage : device.stages) {
    host_errors += stage.host_errors;
    for (std::size_t i = 0; i < errors.size(); ++i) errors[i] += stage.ops[i].errors;
    for (std::size_t i = 0; i < mismatches.size(); ++i) mismatches[i] += stage.verify.mismatches[i];
  }
  const auto compare = [this](std::string_view what, std::uint64_t sum, std::uint64_t there) {
    if (sum != there) differences_.push_back(fmt::format("{} {} in its stages, and it says {}", sum, what, there));
  };
  compare("errors of the daemon's own means", host_errors, device.host_errors);
  for (std::size_t i = 0; i < errors.size(); ++i)
    compare(fmt::format("errors of {}", util::kOpClassNames[i]), errors[i], device.ops[i].errors);
  for (std::size_t i = 0; i < mismatches.size(); ++i)
    compare(fmt::format("intervals {}", verify::kKindNames[i]), mismatches[i], device.verify.mismatches[i]);
  for (std::size_t k = 0; k < device_.figures.size(); ++k) {
    std::array<std::uint64_t, verify::kKinds> damage{};
    if (!device_.figures[k]) continue;
    for (const auto& [place, count] : device_.figures[k]->damage) damage.at(place.second) += count;
    for (std::size_t i = 0; i < damage.size(); ++i) {
      if (damage[i] > device.stages[k].verify.mismatches[i])
        differs(k, fmt::format("{} intervals {} by band, and it says {}", damage[i], verify::kKindNames[i],
                               device.stages[k].verify.mismatches[i]));
    }
  }
}

// A stage that reads again, or waits, shows nothing of its own.
bool Again::stage(std::size_t index) {
  const run::StageSpec& spec = leaves_[index].stage;
  StageEvidence& there = device_.shown.shown[index].what;
  StageEvidence again;
  again.done = there.done;
  if (run::workers_of(spec) != 0 && !std::holds_alternative<run::RereadSpec>(spec.what)) {
    if (!has_figures(index)) return false;
    run::StagePlan plan;
    plan.streams.emplace_back().range = there.range;
    const auto totals = totals_of(device_.shown.stages[index], *device_.figures[index]);
    again = run::make_evidence(spec, plan, totals, there.measured, device_.shown.facts.size, there.done);
  }
  if (const run::UntilSteady* until = until_of(spec); until != nullptr && there.steady)
    again.steady = steady_again(*there.steady, until->rule);
  compare(index, again, there);
  there = std::move(again);
  return true;
}

void Again::compare(std::size_t index, const StageEvidence& again, const StageEvidence& there) {
  if (again.changes != there.changes || again.checks != there.checks)
    differs(index, "whether it writes or checks is not as the job says");
  if (again.judged_bytes != there.judged_bytes || again.visited_bytes != there.visited_bytes) {
    differs(index, fmt::format("{} bytes judged and {} read, and it says {} and {}", again.judged_bytes,
                               again.visited_bytes, there.judged_bytes, there.visited_bytes));
  }
  for (std::size_t i = 0; i < again.rates.size(); ++i) {
    if (!is_same(again.rates[i], there.rates[i]))
      differs(index, fmt::format("a rate of {:.9g}, and it says {:.9g}", again.rates[i], there.rates[i]));
  }
  if (again.measures.size() != there.measures.size()) differs(index, "other criteria than the job has");
  for (std::size_t i = 0; i < std::min(again.measures.size(), there.measures.size()); ++i) {
    const run::StageMeasure &a = again.measures[i], &b = there.measures[i];
    if (a.name != b.name || !is_same(a.limit, b.limit) || !is_same(a.value, b.value)) {
      differs(index, fmt::format("{} was {}, and it says {}", a.name, text_of(a.value), text_of(b.value)));
    }
  }
  if (again.steady.has_value() != there.steady.has_value() ||
      (again.steady && again.steady->steady != there.steady->steady))
    differs(index, "whether it was steady does not follow from its rounds");
}

// As the daemon looked for them: from the rates of each pass, and of what was read again.
void Again::zones() {
  const auto last = std::find_if(leaves_.begin(), leaves_.end(), [](const plan::Leaf& leaf) {
    return std::holds_alternative<run::RereadSpec>(leaf.stage.what);
  });
  const auto& shown = device_.shown.shown;
  const auto index = static_cast<std::size_t>(last - leaves_.begin());
  if (last == leaves_.end() || index >= shown.size() || !shown[index].what.done) return;
  run::ZoneWatch watch(std::get<run::RereadSpec>(last->stage.what).limit, device_.shown.facts);
  for (std::size_t i = 0; i <= index; ++i) {
    if (i < device_.figures.size() && !device_.figures[i] && run::workers_of(leaves_[i].stage) != 0) return;
    const auto& figures = device_.figures.at(i);
    if (!figures || !shown[i].what.done) continue;
    const auto& bands = figures->bands[static_cast<std::size_t>(util::OpClass::read)];
    if (i == index && bands) watch.add_again(bands->grid, bands->last);
    if (i != index) watch.add(leaves_[i].stage, *figures);
  }
  const run::ZoneReport again = watch.report(), there = std::exchange(device_.shown.zones, again);
  const bool same_zones = std::equal(again.zones.begin(), again.zones.end(), there.zones.begin(), there.zones.end(),
                                     [](auto& a, auto& b) { return a.offset == b.offset && a.length == b.length; });
  if (is_same(again.worst, there.worst) && same_zones) return;
  differences_.push_back(fmt::format("{} slow zones, the worst {} slower, and it says {} and {}", again.zones.size(),
                                     text_of(again.worst), there.zones.size(), text_of(there.worst)));
}

}  // namespace spliced::results
