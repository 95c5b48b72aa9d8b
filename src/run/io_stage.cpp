// SPDX-License-Identifier: Apache-2.0
#include "io_stage.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/plain.h"
#include "stage_evidence.h"

namespace spliced::run {

using engine::IoSlot;
using engine::Outcome;
using util::Nanos;

namespace {

std::string describe_failure(const IoSlot& slot, const device::TargetFacts& facts) {
  const std::string what = fmt::format("{} of {} bytes at offset {}", util::op_name(slot.op), slot.length, slot.offset);
  switch (slot.outcome) {
    case Outcome::end_of_target: return fmt::format("{}: {} ended after {} bytes of it", what, facts.path, slot.moved);
    case Outcome::unsupported:
      return fmt::format("splice_unsupported: {} on a file system of type {} cannot splice", facts.path,
                         facts.block_device ? "block device" : facts.file_system);
    case Outcome::path_refused:
      return fmt::format("{}: the read path that the job pinned does not work on this kernel: {}", what,
                         util::errno_text(slot.error));
    default: return fmt::format("{}: {}", what, util::errno_text(slot.error));
  }
}

figures::BandGrid grid_of(const Stage::Setup& setup) {
  const workload::BlockRange range = setup.plan.range();
  return setup.grid != nullptr ? *setup.grid : figures::BandGrid(range.offset, range.size);
}

}  // namespace

IoStage::IoStage(const Setup& setup, const StreamsSpec& spec, const std::string& order_of)
    : setup_(setup), spec_(spec), bands_(spec, grid_of(setup)) {
  if (setup.from != nullptr && setup.number < setup.from->stages.size()) {
    const StageSnapshot& known = setup.from->stages[setup.number];
    errors_.resume(known, setup.from->at);
    damage_.resume(known.verify, setup.from->at);
  }
  StreamOwner& owner = *this;
  unsigned workers = 0;
  const std::uint64_t order = order_of.empty() ? 0 : setup.history.last_round_of(order_of);
  for (std::size_t i = 0; i < spec.streams.size(); ++i) {
    const StreamSpec& stream = spec.streams[i];
    StreamTimes times = times_of(spec, stream);
    if (setup.from != nullptr) times.passed = setup.from->at.active;
    const IoStream::Setup one{
        stream, setup.plan.streams.at(i), times, workers, is_contested(spec, setup.plan, i), order, i, bands_.live()};
    streams_.push_back(std::make_unique<IoStream>(setup_, one, damage_, owner));
    workers += stream.io.workload.workers;
  }
  if (setup.from != nullptr) bands_.resume(setup.from->at.bands, setup.from->at.damage);
}

util::Status IoStage::prepare(const std::shared_ptr<StartBarrier>& barrier) {
  for (auto& stream : streams_) {
    if (auto status = stream->prepare(barrier); !status) return status;
  }
  return {};
}

util::Status IoStage::launch() {
  for (auto& stream : streams_) {
    if (auto status = stream->launch(); !status) return status;
  }
  return {};
}

bool IoStage::wait(Nanos until) {
  return std::all_of(streams_.begin(), streams_.end(), [until](auto& stream) { return stream->wait(until); });
}

std::optional<Checkpoint> IoStage::checkpoint(Nanos now) const {
  Checkpoint out;
  for (const auto& stream : streams_) out.cursors.push_back(stream->cursor());
  out.active = active_time(now);
  return out;
}

// The streams that change something are the newest of the history.
void IoStage::describe(Checkpoint& out) const {
  for (const auto& stream : streams_) out.streams.push_back(stream->point());
  out.bands = bands_.tables();
  out.damage = bands_.damage();
  if (out.streams.empty()) return;
  DeviceTotals& first = out.streams.front().totals;
  auto& errors = first.ops[static_cast<std::size_t>(util::OpClass::sync)].errors;
  for (std::size_t i = 0; i < errors.size(); ++i) errors[i] += flush_errors_[i].load(std::memory_order_relaxed);
  errors_.add_before_to(first);
  damage_.add_before_to(first.verify);
}

void IoStage::add_before_to(DeviceTotals& out) const {
  for (const auto& stream : streams_) out.merge(stream->before());
  errors_.add_before_to(out);
  damage_.add_before_to(out.verify);
}

void IoStage::note_flush() {
  for (auto& stream : streams_) stream->note_flush();
}

void IoStage::on_flushed() {
  for (auto& stream : streams_) stream->on_flushed();
}

std::uint32_t IoStage::end_history() {
  std::uint32_t out = 0;
  for (auto& stream : streams_) out = std::max(out, stream->end_history());
  return out;
}

// Of what was written since the last one that went well nobody knows whether it is on the medium.
void IoStage::on_flush_error(int error) {
  for (auto& stream : streams_) stream->flush_failed();
  ErrorEntry entry;
  entry.op = util::Op::fdatasync;
  entry.error = util::errno_name(error);
  entry.message = fmt::format("fdatasync for a checkpoint: {}", util::errno_text(error));
  const bool hosts = engine::outcome_of(error) == engine::Outcome::host_failed;
  const ErrorClass error_class = hosts ? ErrorClass::host : classify_errno(error);
  flush_errors_[static_cast<std::size_t>(error_class)].fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t total = errors_.add(entry);
  setup_.owner.on_io_error(entry, total, error_class);
}

std::size_t IoStage::waiters() const {
  std::size_t out = 0;
  for (const auto& stream : streams_) out += stream->waiters();
  return out;
}

void IoStage::began(Nanos start) {
  for (auto& stream : streams_) stream->began(start);
}

void IoStage::request_stop() {
  for (auto& stream : streams_) stream->request_stop();
}

bool IoStage::drained() const {
  return std::all_of(streams_.begin(), streams_.end(), [](auto& stream) { return stream->drained(); });
}

void IoStage::finish() {
  for (auto& stream : streams_) stream->finish();
}

void IoStage::wake() {
  for (auto& stream : streams_) stream->wake();
}

bool IoStage::still() const {
  return std::all_of(streams_.begin(), streams_.end(), [](auto& stream) { return stream->still(); });
}

bool IoStage::completed() const {
  return std::all_of(streams_.begin(), streams_.end(), [](auto& stream) { return stream->completed(); });
}

std::optional<std::string> IoStage::find_stall(Nanos now) const {
  for (const auto& stream : streams_) {
    if (auto what = stream->find_stall(now)) return what;
  }
  return std::nullopt;
}

void IoStage::sample(Nanos now) {
  for (auto& stream : streams_) stream->sample(now);
}

// What could not be written back the kernel tells once, of all that lies on the device, whoever wrote it.
void IoStage::on_error(const IoSlot& slot, ErrorClass error_class) {
  if (util::op_class(slot.op) == util::OpClass::sync) {
    for (auto& stream : streams_) stream->flush_failed();
  }
  ErrorEntry entry;
  entry.op = slot.op;
  entry.offset = slot.offset;
  entry.length = slot.length;
  entry.error = slot.error != 0 ? util::errno_name(slot.error) : "EOF";
  entry.message = describe_failure(slot, setup_.target.facts);
  const std::uint64_t total = errors_.add(entry);
  setup_.owner.on_io_error(entry, total, error_class);
}

void IoStage::on_damage(const Miscompare& one, bool first) {
  bands_.add_damage(one.damage.offset, static_cast<std::size_t>(one.damage.kind));
  setup_.owner.on_damage(one, first);
}

void IoStage::on_refusal(const std::string& what) {
  setup_.owner.on_refusal(what);
}

void IoStage::add_to(DeviceTotals& out, Detail detail) const {
  for (const auto& stream : streams_) stream->add_to(out, detail);
  auto& errors = out.ops[static_cast<std::size_t>(util::OpClass::sync)].errors;
  for (std::size_t i = 0; i < errors.size(); ++i) errors[i] += flush_errors_[i].load(std::memory_order_relaxed);
}

// They are of the stage, and of none of its streams.
void IoStage::add_flush_errors_to(StageSnapshot& out) const {
  for (const auto& count : flush_errors_) {
    out.ops[static_cast<std::size_t>(util::OpClass::sync)].errors += count.load(std::memory_order_relaxed);
  }
  out.host_errors += flush_errors_[static_cast<std::size_t>(ErrorClass::host)].load(std::memory_order_relaxed);
}

void IoStage::add_ramp_to(DeviceTotals& out) const {
  for (const auto& stream : streams_) stream->add_ramp_to(out);
}

Nanos IoStage::active_time(Nanos now) const {
  Nanos out = 0;
  for (const auto& stream : streams_) out = std::max(out, stream->active_time(now));
  return out;
}

// Until the first of its streams is measured.
Nanos IoStage::ramped(Nanos now) const {
  Nanos out = active_time(now);
  for (const auto& stream : streams_) out = std::min(out, stream->times().measured_from);
  return out;
}

Flying IoStage::flying() const {
  Flying out;
  for (const auto& stream : streams_) out.merge(stream->flying());
  return out;
}

StageFigures IoStage::figures() const {
  StageFigures out;
  out.stage = setup_.spec.name;
  bands_.add_to(out);
  DeviceTotals totals;
  add_to(totals, Detail::all);
  add_before_to(totals);
  for (std::size_t i = 0; i < util::kOpClasses; ++i) out.latency[i] = std::move(totals.ops[i].latency);
  return out;
}

StageEvidence IoStage::evidence(Nanos now, bool done) const {
  DeviceTotals totals;
  add_to(totals, Detail::all);
  add_before_to(totals);
  return make_evidence(setup_.spec, setup_.plan, totals, measured(now), setup_.target.facts.size, done);
}

StageSnapshot IoStage::snapshot(Nanos now, State state, Detail detail) const {
  std::vector<StageSnapshot> streams;
  for (const auto& stream : streams_) streams.push_back(stream->snapshot(now, state, detail));
  StageSnapshot out;
  if (streams.size() == 1) {
    out = streams.front();
    add_flush_errors_to(out);
    DeviceTotals found;  // after the checkpoint, and before the restart
    errors_.add_before_to(found);
    damage_.add_before_to(found.verify);
    for (std::size_t i = 0; i < util::kOpClasses; ++i) out.ops[i].errors += found.ops[i].error_count();
    out.verify.merge(found.verify);
  } else {
    sum_up(now, streams, state, detail, out);
  }
  out.name = setup_.spec.name;
  if (out.state != State::pending || is_final(state)) out.state = state;
  if (detail == Detail::all) {
    out.evidence = evidence(now, state == State::succeeded);
    if (streams.size() > 1) {
      for (const auto& stream : streams_) stream->add_to(out.verify);
    }
    if (!is_one_workload(spec_)) out.streams = std::move(streams);
    errors_.copy_to(out.errors, out.errors_omitted);
    damage_.copy_to(out.verify);
    if (out.verify.asked_for) out.verify.indeterminate_ranges = setup_.history.doubts();
  }
  return out;
}

// It is done when the last of them is. Rates are those of the streams that go on, and of all the time once it is over.
void IoStage::sum_up(Nanos now, const std::vector<StageSnapshot>& streams, State state, Detail detail,
                     StageSnapshot& out) const {
  DeviceTotals totals;
  add_to(totals, detail);
  add_before_to(totals);
  fill_counts(totals, out);
  out.range = setup_.plan.range();
  out.state = streams.front().state;
  out.progress = 1;
  out.engine_state = streams_.front()->engine_state();
  for (const StageSnapshot& stream : streams) {
    out.progress = std::min(out.progress, stream.progress);
    if (stream.eta_seconds) out.eta_seconds = std::max(out.eta_seconds.value_or(0), *stream.eta_seconds);
    out.tuning.insert(out.tuning.end(), stream.tuning.begin(), stream.tuning.end());
    for (std::size_t i = 0; i < util::kOpClasses && !is_final(stream.state); ++i) {
      out.ops[i].bytes_per_second += stream.ops[i].bytes_per_second;
      out.ops[i].operations_per_second += stream.ops[i].operations_per_second;
    }
  }
  const Nanos measured = active_time(now) - ramped(now);
  if (!is_final(state)) {
    out.ramping = out.state != State::pending && measured == 0;
    return;
  }
  for (OpSnapshot& op : out.ops) {
    op.bytes_per_second = per_second(op.bytes, measured);
    op.operations_per_second = per_second(op.operations, measured);
  }
}

}  // namespace spliced::run
