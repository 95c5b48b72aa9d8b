// SPDX-License-Identifier: Apache-2.0
#include "stage_watch.h"

#include <fmt/format.h>

#include <algorithm>

#include "rates.h"

namespace spliced::run {

using util::Nanos;

namespace {

constexpr Nanos kMilli = util::kSecond / 1'000;
constexpr Nanos kLongCycle = 10 * util::kSecond;  // of which FLUSHes are a small part, see CheckpointPace
constexpr double kAllButOver = 0.99;              // of a round that ends with its stage

std::size_t class_index(util::OpClass op) {
  return static_cast<std::size_t>(op);
}
std::string_view class_name(util::OpClass op) {
  return util::kOpClassNames[class_index(op)];
}
double in_seconds(Nanos time) {
  return static_cast<double>(time) / 1e9;
}

util::OpClass followed(const StageSpec& spec, const UntilSteady& until) {
  if (until.op) return *until.op;
  const auto does = does_of(spec);
  const auto found = std::find(does.begin(), does.end(), true);
  return static_cast<util::OpClass>(found - does.begin());
}

// Whether each direction has something to do from the beginning to the end: not where streams come and go, nor where
// what was written is read back later.
bool is_even(const StageSpec& spec) {
  const auto streams = streams_of(spec);
  return streams.size() == 1 && streams.front().io.workload.read_back == 0;
}

}  // namespace

StageWatch::StageWatch(const StageSpec& spec, const Stage& stage, const PauseGate& gate, const PauseWatch& freezes,
                       std::uint64_t size, Nanos now)
    : spec_(spec), stage_(stage), gate_(gate), freezes_(freezes), size_(size) {
  if (spec.criteria && !spec.criteria->latency.empty() && spec.criteria->latency_stop.stop)
    cycle_ = spec.criteria->latency_stop.cycle;
  judges_rates_ = spec.criteria && !spec.criteria->min_rate.empty() && spec.criteria->rate_stop.stop && is_even(spec);
  if (judges_rates_)
    cycle_ = cycle_ == 0 ? spec.criteria->rate_stop.cycle : std::min(cycle_, spec.criteria->rate_stop.cycle);
  const auto* streams = std::get_if<StreamsSpec>(&spec.what);
  if (streams != nullptr && streams->streams.front().io.until) {
    until_ = &*streams->streams.front().io.until;
    op_ = followed(spec, *until_);
    round_ = until_->round;
    steady_.emplace().of = kSteadyOfNames[static_cast<std::size_t>(until_->of)];
  }
  if (cycle_ != 0) begin(of_cycle_, now);
  if (round_ != 0) begin(of_round_, now);
  set_next(now);
}

DeviceTotals StageWatch::totals() const {
  DeviceTotals out;
  stage_.add_to(out);
  return out;
}

void StageWatch::begin(Span& span, Nanos now) {
  const DeviceTotals all = totals();
  span.began = now;
  span.measured = stage_.measured(now);
  span.pauses = gate_.changes();
  for (std::size_t i = 0; i < util::kOpClasses; ++i) {
    const OpTotals& op = all.ops[i];
    span.bytes[i] = op.bytes;
    span.operations[i] = op.operations;
    span.busy[i] = op.latency.sum_nanos();
    span.counted[i] = op.latency.count();
    (void)span.latency[i].advance(op.latency);
  }
}

// Without a pause, and without a time in which the daemon did not run.
bool StageWatch::is_whole(const Span& span, Nanos now) const {
  return gate_.changes() == span.pauses && !freezes_.spans(span.began, now);
}

// The ramp, and pauses, pass without measured time: it is looked again then.
void StageWatch::set_next(Nanos now) {
  next_ = kNever;
  const Nanos measured = stage_.measured(now);
  const auto at = [&](const Span& span, Nanos length) {
    const Nanos left = span.measured + length - measured;
    next_ = std::min(next_, now + std::max(left, kMilli));
  };
  if (cycle_ != 0) at(of_cycle_, cycle_);
  if (round_ != 0 && judges_) at(of_round_, round_);
}

StageWatch::Finding StageWatch::look(Nanos now) {
  Finding out;
  const Nanos measured = stage_.measured(now);
  if (cycle_ != 0 && measured - of_cycle_.measured >= cycle_) {
    if (is_whole(of_cycle_, now)) out.breach = breach_of(now);
    begin(of_cycle_, now);
    disturbed_ = false;
  }
  if (round_ != 0 && judges_ && measured - of_round_.measured >= round_) end_round(now, out);
  set_next(now);
  return out;
}

void StageWatch::finish(Nanos now) {
  Finding ignored;
  const auto passed = static_cast<double>(stage_.measured(now) - of_round_.measured);
  if (round_ != 0 && judges_ && passed >= kAllButOver * static_cast<double>(round_)) end_round(now, ignored);
}

std::string StageWatch::breach_of(Nanos now) {
  const Nanos length = stage_.measured(now) - of_cycle_.measured;
  const DeviceTotals all = totals();
  std::string out;
  if (spec_.criteria->latency_stop.stop) out = latency_breach(all, length);
  const bool disturbed = disturbed_ && length < kLongCycle;
  if (out.empty() && judges_rates_ && !disturbed && !stage_.drained()) out = rate_breach(all, length);
  return out;
}

std::string StageWatch::latency_breach(const DeviceTotals& totals, Nanos length) {
  for (std::size_t i = 0; i < util::kOpClasses; ++i) (void)of_cycle_.latency[i].advance(totals.ops[i].latency);
  for (const LatencyLimit& limit : spec_.criteria->latency) {
    const figures::HistogramMark& cycle = of_cycle_.latency[class_index(limit.op)];
    if (cycle.since().count < samples_needed(limit)) continue;
    const bool is_max = limit.quantile >= LatencyLimit::kMax;
    const double found = limit.quantile == LatencyLimit::kMean
                             ? static_cast<double>(totals.ops[class_index(limit.op)].latency.sum_nanos() -
                                                   of_cycle_.busy[class_index(limit.op)]) /
                                   static_cast<double>(cycle.since().count)
                         : is_max ? cycle.since().longest
                                  : cycle.quantile(limit.quantile);
    if (found <= static_cast<double>(limit.most)) continue;
    return fmt::format("criteria.latency.{}.{} was {:.3g} s in a cycle of {:.3g} s, {:.3g} s allowed",
                       class_name(limit.op), limit.name, found / 1e9, in_seconds(length), in_seconds(limit.most));
  }
  return "";
}

std::string StageWatch::rate_breach(const DeviceTotals& totals, Nanos length) {
  for (const LeastRate& rate : spec_.criteria->min_rate) {
    const std::size_t op = class_index(rate.op);
    const double found = per_second(totals.ops[op].bytes - of_cycle_.bytes[op], length);
    const double least = least_on(*spec_.criteria, rate, size_);
    if (found >= least) continue;
    return fmt::format("criteria.min_rate.{} was {:.3g} MB/s in a cycle of {:.3g} s, {:.3g} MB/s at least",
                       class_name(rate.op), found / 1e6, in_seconds(length), least / 1e6);
  }
  return "";
}

double StageWatch::value_of_round(const DeviceTotals& totals, Nanos length) {
  const std::size_t op = class_index(op_);
  const OpTotals& now = totals.ops[op];
  switch (until_->of) {
    case SteadyOf::iops: return per_second(now.operations - of_round_.operations[op], length);
    case SteadyOf::rate: return per_second(now.bytes - of_round_.bytes[op], length);
    case SteadyOf::latency: {
      const auto count = static_cast<double>(now.latency.count() - of_round_.counted[op]);
      return count > 0 ? static_cast<double>(now.latency.sum_nanos() - of_round_.busy[op]) / count / 1e9 : 0;
    }
    case SteadyOf::p99: break;
  }
  return of_round_.latency[op].advance(now.latency).p99 / 1e9;
}

// One with a pause in it tells nothing.
void StageWatch::end_round(Nanos now, Finding& out) {
  if (is_whole(of_round_, now)) {
    const DeviceTotals all = totals();
    steady_->rounds.push_back(value_of_round(all, stage_.measured(now) - of_round_.measured));
    out.is_round = true;
    judge_round(now, out);
    // Held for days, there are many: those that led to the steady state are kept, and the last ones.
    const std::size_t most = until_->rule.max_rounds + until_->rule.window;
    if (steady_->rounds.size() > most)
      steady_->rounds.erase(steady_->rounds.begin() + static_cast<std::ptrdiff_t>(until_->rule.max_rounds));
  }
  begin(of_round_, now);
}

// Once it was steady, and is held, a window that is not tells when it ceased to be, if it became slower.
void StageWatch::judge_round(Nanos now, Finding& out) {
  const figures::SteadyWindow window = figures::judge_window(steady_->rounds, until_->rule);
  if (steady_->steady) {
    const bool is_worse = until_->of <= SteadyOf::rate ? steady_->rounds.back() < steady_->window.mean
                                                       : steady_->rounds.back() > steady_->window.mean;
    if (steady_->left || window.range_ok || !is_worse) return;
    steady_->left = in_seconds(stage_.measured(now));
    out.remark = fmt::format("left_steady_state: {} after {:.0f} s", steady_->of, *steady_->left);
    return;
  }
  steady_->window = window;
  steady_->steady = window.steady();
  const bool over = !steady_->steady && steady_->rounds.size() >= until_->rule.max_rounds;
  out.enough = over || (steady_->steady && !until_->hold);
  judges_ = !out.enough;
}

}  // namespace spliced::run
