// SPDX-License-Identifier: Apache-2.0
#include "reread_stage.h"

#include <algorithm>

namespace spliced::run {

using util::Nanos;

namespace {

// What was read so little ago a cache of the device may still hold: a second visit would say nothing.
constexpr std::uint64_t kLeastForTwo = workload::kLeastDistance;

}  // namespace

RereadStage::RereadStage(const Setup& setup, const RereadSpec& spec) : setup_(setup), spec_(spec) {}

// From the block in which the first band begins to the end of the last one.
workload::BlockRange RereadStage::range_of(std::size_t part) const {
  const auto& [first, last] = again_.bands.at(part);
  const figures::BandGrid& grid = again_.grid;
  const std::uint64_t block = spec_.io.streams.front().io.workload.bs.read;
  workload::BlockRange out;
  out.block = block;
  out.offset = grid.offset() + (grid.start_of(first) - grid.offset()) / block * block;
  out.size = grid.start_of(last) + grid.length_of(last) - out.offset;
  return out;
}

RereadStage::VisitPtr RereadStage::make_visit(std::size_t number) {
  auto out = std::make_shared<Visit>();
  StreamsSpec io = spec_.io;
  const workload::BlockRange range = range_of(number % again_.bands.size());
  workload::WorkloadSpec& w = io.streams.front().io.workload;
  w.offset = {false, range.offset, 0};
  w.size = {false, range.size, 0};
  out->spec = {setup_.spec.name, std::move(io), setup_.spec.error_policy};
  out->plan = setup_.plan;
  out->plan.streams.front().range = range;
  const Setup setup{setup_.environment, out->spec,      setup_.target, out->plan,      static_cast<StageOwner&>(*this),
                    setup_.gate,        setup_.flushes, setup_.origin, setup_.history, setup_.damage,
                    setup_.first_pass,  setup_.number,  nullptr,       setup_.zones,   &again_.grid};
  out->stage = std::make_unique<IoStage>(setup, std::get<StreamsSpec>(out->spec.what));
  return out;
}

void RereadStage::on_io_error(const ErrorEntry& entry, std::uint64_t total, ErrorClass error_class) {
  setup_.owner.on_io_error(entry, errors_before_ + total, error_class);
}

RereadStage::VisitPtr RereadStage::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

util::Status RereadStage::prepare(const std::shared_ptr<StartBarrier>& barrier) {
  again_ = setup_.zones.find_again();
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < again_.bands.size(); ++i) bytes += range_of(i).size;
  again_.twice = again_.twice && bytes >= kLeastForTwo;
  rates_.assign(again_.grid.count(), 0);
  if (visits() == 0) return {};
  auto visit = make_visit(0);
  if (auto status = visit->stage->prepare(barrier); !status) return status;
  const std::lock_guard lock(mutex_);
  current_ = std::move(visit);
  return {};
}

util::Status RereadStage::launch() {
  const auto visit = current();
  return visit ? visit->stage->launch() : util::Status{};
}

std::size_t RereadStage::waiters() const {
  const auto visit = current();
  return visit ? visit->stage->waiters() : 0;
}

void RereadStage::began(Nanos start) {
  if (const auto visit = current()) visit->stage->began(start);
}

bool RereadStage::wait(Nanos until) {
  for (;;) {
    const auto visit = current();
    if (visit && !visit->stage->wait(until)) return false;
    if (visit && end_visit()) continue;
    done_ = done_ || !visit;
    return true;
  }
}

void RereadStage::add_rates(const StageFigures& figures) {
  const auto& table = figures.bands[static_cast<std::size_t>(util::OpClass::read)];
  if (!table || table->last.size() != rates_.size()) return;
  for (std::size_t i = 0; i < rates_.size(); ++i) rates_[i] = std::max(rates_[i], table->last[i]);
}

// Goes on with the next. false when there is none, or this one did not do all that it was to do.
bool RereadStage::end_visit() {
  const auto visit = current();
  const bool completed = visit->stage->completed();
  add_rates(visit->stage->figures());
  const std::size_t ended = completed ? ++ended_ : ended_.load();
  const StageSnapshot seen = visit->stage->snapshot(setup_.environment.clock.now(), State::succeeded, Detail::all);
  for (const ErrorEntry& entry : seen.errors) errors_before_ += entry.count;
  errors_before_ += seen.errors_omitted;
  VisitPtr next;
  if (completed && ended < visits() && !stopped_) next = make_visit(ended);
  const auto barrier = std::make_shared<StartBarrier>(setup_.environment.clock);
  auto status = next ? next->stage->prepare(barrier) : util::Status{};
  if (status && next) status = next->stage->launch();
  if (!status) {
    barrier->abort();
    setup_.owner.on_refusal(status.error().message);
    return false;
  }
  {
    const std::lock_guard lock(mutex_);
    visit->stage->add_to(before_, Detail::all);
    errors_.insert(errors_.end(), seen.errors.begin(), seen.errors.end());
    errors_omitted_ += seen.errors_omitted;
    current_ = next;
  }
  if (next) {
    if (stopped_) next->stage->request_stop();
    next->stage->began(barrier->set(next->stage->waiters()));
    barrier->let_go();
    return true;
  }
  done_ = completed && ended == visits();
  if (done_) setup_.zones.add_again(again_.grid, rates_);
  return false;
}

void RereadStage::request_stop() {
  stopped_ = true;
  if (const auto visit = current()) visit->stage->request_stop();
}

void RereadStage::wake() {
  if (const auto visit = current()) visit->stage->wake();
}

bool RereadStage::still() const {
  const auto visit = current();
  return !visit || visit->stage->still();
}

std::optional<std::string> RereadStage::find_stall(Nanos now) const {
  const auto visit = current();
  return visit ? visit->stage->find_stall(now) : std::nullopt;
}

void RereadStage::sample(Nanos now) {
  if (const auto visit = current()) visit->stage->sample(now);
}

void RereadStage::add_to(DeviceTotals& out, Detail detail) const {
  const std::lock_guard lock(mutex_);
  out.merge(before_);
  if (current_) current_->stage->add_to(out, detail);
}

Flying RereadStage::flying() const {
  const auto visit = current();
  return visit ? visit->stage->flying() : Flying{};
}

// What came of reading again: rates alone.
StageFigures RereadStage::figures() const {
  StageFigures out;
  out.stage = setup_.spec.name;
  if (!done_ || visits() == 0) return out;
  figures::BandTable& table = out.bands[static_cast<std::size_t>(util::OpClass::read)].emplace();
  table.grid = again_.grid;
  table.sums.resize(again_.grid.count());
  table.last = rates_;
  return out;
}

// It is about zones alone: neither its rates nor its latencies are those of a stage of the job.
StageEvidence RereadStage::evidence(Nanos, bool done) const {
  StageEvidence out;
  out.done = done;
  return out;
}

StageSnapshot RereadStage::snapshot(Nanos now, State state, Detail detail) const {
  StageSnapshot out;
  const auto visit = current();
  if (visit) out = visit->stage->snapshot(now, state, detail);
  const double part = visit ? out.progress : 0;
  DeviceTotals totals;
  add_to(totals, detail);
  fill_counts(totals, out);
  out.name = setup_.spec.name;
  out.state = state;
  out.range = setup_.plan.range();
  out.asked_for = {};  // it may find nothing to do
  const std::size_t all = visits();
  out.progress =
      all == 0 ? (done_ ? 1 : 0) : std::min(1.0, (static_cast<double>(ended_) + part) / static_cast<double>(all));
  if (detail == Detail::counts) return out;
  out.evidence = evidence(now, state == State::succeeded);
  const std::lock_guard lock(mutex_);
  out.errors.insert(out.errors.begin(), errors_.begin(), errors_.end());
  out.errors_omitted += errors_omitted_;
  return out;
}

}  // namespace spliced::run
