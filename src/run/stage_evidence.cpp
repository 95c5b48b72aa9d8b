// SPDX-License-Identifier: Apache-2.0
#include "stage_evidence.h"

#include <fmt/format.h>

#include <algorithm>

#include "rates.h"

namespace spliced::run {
namespace {

double seconds(util::Nanos time) {
  return static_cast<double>(time) / 1e9;
}

std::string_view name_of(util::OpClass op) {
  return util::kOpClassNames[static_cast<std::size_t>(op)];
}

StageMeasure measure(const LatencyLimit& limit, const OpTotals& op, bool done) {
  StageMeasure out{fmt::format("latency.{}.{}", name_of(limit.op), limit.name), false, seconds(limit.most), {}, ""};
  const workload::Histogram& latency = op.latency;
  const std::uint64_t needed = samples_needed(limit);
  const bool is_max = limit.quantile >= LatencyLimit::kMax;
  if (is_max && latency.max_seconds() > out.limit) {
    out.value = latency.max_seconds();
  } else if (!done) {
    out.missing = "the stage has not ended";
  } else if (latency.count() < needed) {
    out.missing = fmt::format("{} operations of {} that it takes", latency.count(), needed);
  } else if (is_max) {
    out.value = latency.max_seconds();
  } else {
    out.value =
        limit.quantile == LatencyLimit::kMean ? latency.mean_seconds() : latency.quantile_seconds(limit.quantile);
  }
  return out;
}

StageMeasure measure(const StageCriteria& criteria, const LeastRate& rate, const OpTotals& op, util::Nanos measured,
                     std::uint64_t size, bool done) {
  StageMeasure out{fmt::format("min_rate.{}", name_of(rate.op)), true, least_on(criteria, rate, size), {}, ""};
  if (!done) {
    out.missing = "the stage has not ended";
  } else if (op.operations == 0 || measured <= 0) {
    out.missing = "nothing was moved";
  } else {
    out.value = per_second(op.bytes, measured);
  }
  return out;
}

// Of one workload alone: what several do to one another's ranges is not looked into.
const IoSpec* only_io(const StageSpec& spec) {
  const auto streams = streams_of(spec);
  return streams.size() == 1 ? &streams.front().io : nullptr;
}

// Each round goes over all of the range, and the last one counts. Of a mixed workload it is not known which blocks were
// read after they were last written.
std::uint64_t judged_bytes(const IoSpec& io, const VerifyTotals& verify, std::uint64_t size) {
  const workload::WorkloadSpec& w = io.workload;
  if (!checks_reads(io) || workload::is_mixed(w.rw) || w.time_based || is_trim(w.rw)) return 0;
  const std::uint64_t right = verify.bytes - std::min(verify.bytes, verify.mismatched_bytes);
  const std::uint64_t earlier = (w.loops - 1) * size;
  return std::min(size, right - std::min(right, earlier));
}

std::uint64_t visited_bytes(const IoSpec& io, const DeviceTotals& totals, std::uint64_t size) {
  const workload::WorkloadSpec& w = io.workload;
  const bool is_even = w.distribution.kind == workload::Distribution::Kind::uniform && !w.time_based;
  if (workload::destroys(w.rw) || !is_even) return 0;
  const std::uint64_t read = totals.ops[static_cast<std::size_t>(util::OpClass::read)].bytes;
  return std::min(size, read - std::min(read, (w.loops - 1) * size));
}

}  // namespace

StageEvidence make_evidence(const StageSpec& spec, const StagePlan& plan, const DeviceTotals& totals,
                            util::Nanos measured, std::uint64_t size, bool done) {
  StageEvidence out;
  out.range = plan.range();
  out.measured = measured;
  out.done = done;
  out.changes = first_that_destroys(spec) != nullptr;
  out.checks = checks_anything(spec);
  if (const IoSpec* io = only_io(spec)) {
    out.judged_bytes = judged_bytes(*io, totals.verify, out.range.size);
    out.visited_bytes = visited_bytes(*io, totals, out.range.size);
    const bool free = done && measured > 0 && !workload::paced(io->workload) && io->workload.thinktime == 0;
    for (std::size_t i = 0; free && i < out.rates.size(); ++i) out.rates[i] = per_second(totals.ops[i].bytes, measured);
  }
  if (!spec.criteria) return out;
  const auto of = [&totals](util::OpClass op) -> const OpTotals& { return totals.ops[static_cast<std::size_t>(op)]; };
  for (const LatencyLimit& limit : spec.criteria->latency) out.measures.push_back(measure(limit, of(limit.op), done));
  for (const LeastRate& rate : spec.criteria->min_rate) {
    out.measures.push_back(measure(*spec.criteria, rate, of(rate.op), measured, size, done));
  }
  return out;
}

}  // namespace spliced::run
