// SPDX-License-Identifier: Apache-2.0
#include "spliced/run/stage_spec.h"

#include <algorithm>
#include <numeric>

namespace spliced::run {

using util::Nanos;

namespace {

// One overload for each kind of stage: a new one does not compile before it is said what it does to data.
struct AddIo {
  std::vector<const IoSpec*>& out;
  void operator()(const StreamsSpec& what) const {
    for (const StreamSpec& stream : what.streams) out.push_back(&stream.io);
  }
  void operator()(const VerifySpec& what) const { (*this)(what.io); }
  void operator()(const RereadSpec& what) const { (*this)(what.io); }
  void operator()(const WaitSpec&) const {}
  void operator()(const RepeatSpec& what) const {
    for (const StageSpec& stage : what.stages) std::visit(*this, stage.what);
  }
};

}  // namespace

std::span<const StreamSpec> streams_of(const StageSpec& stage) {
  if (const auto* io = std::get_if<StreamsSpec>(&stage.what)) return io->streams;
  if (const auto* check = std::get_if<VerifySpec>(&stage.what)) return check->io.streams;
  if (const auto* again = std::get_if<RereadSpec>(&stage.what)) return again->io.streams;
  return {};
}

std::vector<const IoSpec*> all_io_of(const StageSpec& stage) {
  std::vector<const IoSpec*> out;
  std::visit(AddIo{out}, stage.what);
  return out;
}

const IoSpec* first_that_destroys(const StageSpec& stage) {
  const auto all = all_io_of(stage);
  const auto found =
      std::find_if(all.begin(), all.end(), [](const IoSpec* io) { return workload::destroys(io->workload.rw); });
  return found == all.end() ? nullptr : *found;
}

std::size_t workers_of(const StageSpec& stage) {
  const auto streams = streams_of(stage);
  return std::accumulate(streams.begin(), streams.end(), std::size_t{0},
                         [](std::size_t sum, const StreamSpec& one) { return sum + one.io.workload.workers; });
}

StreamTimes times_of(const StreamsSpec& stage, const StreamSpec& stream) {
  const workload::WorkloadSpec& w = stream.io.workload;
  StreamTimes out{stream.start_delay, std::max(stream.start_delay + w.ramp_time, stage.ramp_time), 0};
  if (w.runtime != 0) out.ends = out.measured_from + w.runtime;
  if (stage.runtime != 0) {
    const Nanos all = stage.ramp_time + stage.runtime;
    out.ends = out.ends == 0 ? all : std::min(out.ends, all);
  }
  return out;
}

std::array<bool, util::kOpClasses> does_of(const StageSpec& stage) {
  std::array<bool, util::kOpClasses> out{};
  for (const StreamSpec& stream : streams_of(stage)) {
    const workload::WorkloadSpec& w = stream.io.workload;
    const std::array<bool, util::kOpClasses> does{
        workload::reads(w), workload::writes(w.rw), workload::is_trim(w.rw),
        w.fsync != 0 || w.fdatasync != 0 || w.sync_file_range != 0 || w.end_fsync};
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = out[i] || does[i];
  }
  return out;
}

bool shows_zones(const StageSpec& stage, util::OpClass op, bool rotational) {
  const auto streams = streams_of(stage);
  if (streams.size() != 1 || std::holds_alternative<RereadSpec>(stage.what)) return false;
  const workload::WorkloadSpec& w = streams.front().io.workload;
  const bool freely = !workload::paced(w) && w.thinktime == 0 && w.direct;
  const bool one_way = !workload::is_random(w.rw) && !workload::is_mixed(w.rw) && w.read_back == 0;
  if (!freely || !one_way || !workload::does(w, op == util::OpClass::read ? util::Op::read : util::Op::write))
    return false;
  return op == util::OpClass::read || rotational;
}

bool checks_anything(const StageSpec& stage) {
  const auto streams = streams_of(stage);
  return std::any_of(streams.begin(), streams.end(), [](const StreamSpec& one) { return checks_reads(one.io); });
}

bool is_direct(const StageSpec& stage) {
  const auto streams = streams_of(stage);
  return !streams.empty() && streams.front().io.workload.direct;
}

}  // namespace spliced::run
