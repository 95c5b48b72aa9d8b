// SPDX-License-Identifier: Apache-2.0
#include "worker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <span>

#include "budget.h"
#include "spliced/util/cpus.h"
#include "spliced/util/threads.h"

namespace spliced::job {

using engine::Direction;
using engine::Outcome;
using engine::Transfer;
using util::Nanos;
using util::Op;

namespace {

constexpr Nanos kCpuLook = util::kSecond;  // between two looks at how long the worker waited for its CPU

engine::SpliceConfig engine_config(const Worker::Setup& setup) {
  const JobSpec& spec = setup.spec;
  const DevicePlan& plan = setup.plan;
  engine::SpliceConfig config;
  config.fd = plan.target.open->fd.get();
  config.block_device = plan.target.facts.block_device;
  config.pinned = spec.engine.read_path.has_value();
  config.read_path = spec.engine.read_path.value_or(engine::ReadPath::map);
  for (std::size_t i = 0; i < engine::kDirections; ++i) {
    if (setup.tunings[i] != nullptr) config.settings[i] = setup.tunings[i]->setting();
  }
  config.gift = spec.engine.gift;
  config.read_window = kReadWindow;
  return config;
}

std::uint64_t size_now(int fd) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) return 0;
  std::uint64_t bytes = static_cast<std::uint64_t>(st.st_size);
  if (S_ISBLK(st.st_mode) && ::ioctl(fd, BLKGETSIZE64, &bytes) != 0) return 0;
  return bytes;
}

std::string cannot_bind(const util::CpuList& cpus, int error) {
  return fmt::format("cpus_allowed \"{}\": {}", util::format_cpu_list(cpus), util::errno_text(error));
}

// A disk that has given up writing becomes read-only, and then its writes are not permitted.
bool became_read_only(int fd) {
  int read_only = 0;
  return ::ioctl(fd, BLKROGET, &read_only) == 0 && read_only != 0;
}

}  // namespace

EngineFactory splice_engines() {
  return [](const engine::SpliceConfig& config, util::Clock& clock, std::stop_token stop) {
    return std::make_unique<engine::SpliceEngine>(config, engine::kernel(), clock, std::move(stop));
  };
}

// A target that ended inside its planned range went away or shrank: reads find no more bytes, writes no more space, and
// what is to be trimmed is invalid.
ErrorClass classify_failure(const Transfer& transfer, int fd) {
  const bool ended = transfer.outcome == Outcome::end_of_target;
  const bool trim_refused = transfer.op == util::Op::trim && transfer.error == EINVAL;
  if (ended || trim_refused || transfer.error == ENOSPC || transfer.error == EIO) {
    if (transfer.offset + transfer.length > size_now(fd)) return ErrorClass::removed;
  }
  if (transfer.outcome == Outcome::host_failed || transfer.outcome == Outcome::splice_unsupported ||
      transfer.outcome == Outcome::path_refused) {
    const bool refused = transfer.error == EPERM || transfer.error == EACCES;
    return refused && became_read_only(fd) ? ErrorClass::io : ErrorClass::host;
  }
  return ended ? ErrorClass::removed : classify_errno(transfer.error);
}

util::Result<std::unique_ptr<Worker>> Worker::create(const Setup& setup) {
  std::unique_ptr<Worker> worker(new Worker(setup));
  const auto block = static_cast<std::size_t>(setup.spec.workload.bs);
  const auto& [reading, writing] = setup.tunings;
  if (reading != nullptr) {
    auto buffer = util::PageBuffer::allocate(read_buffer_bytes(block));
    if (!buffer) return tl::unexpected(util::with_context(buffer.error(), "read buffer"));
    worker->read_buffer_ = std::move(*buffer);
  }
  if (writing != nullptr) {
    auto payload = verify::PayloadSource::create(setup.spec.payload, setup.spec.workload.seed, block,
                                                 writing->largest_batch(), setup.plan.grant.payload_pages);
    if (!payload) return tl::unexpected(payload.error());
    worker->payload_ = std::move(*payload);
  }
  worker->engine_ = setup.engines(engine_config(setup), setup.clock, worker->stop_.get_token());
  return worker;
}

Worker::Worker(const Setup& setup)
    : generator_(setup.spec.workload, setup.plan.range, setup.index),
      spec_(setup.spec),
      fd_(setup.plan.target.open->fd.get()),
      index_(setup.index),
      name_(setup.thread_name),
      owner_(setup.owner),
      barrier_(setup.barrier),
      clock_(setup.clock),
      pauses_(setup.pauses) {
  for (std::size_t i = 0; i < directions_.size(); ++i) {
    DirectionState& state = directions_[i];
    state.tuning = setup.tunings[i];
    if (state.tuning == nullptr) continue;
    state.decided = state.tuning->decided();
    state.batch = state.tuning->setting().batch;
    if (!state.decided && index_ == 0) state.comparison = std::make_unique<Comparison>(state.tuning->settings().size());
  }
}

Worker::~Worker() {
  if (thread_.joinable()) {
    request_stop();
    thread_.join();
  }
}

void Worker::start() {
  thread_ = std::thread([this] { run(stop_.get_token()); });
}

void Worker::wake() {
  if (thread_.joinable() && !finished()) util::wake_thread(thread_.native_handle());
}

void Worker::run(const std::stop_token& stop) {
  util::name_this_thread(name_);
  util::restore_priority();
  util::accept_wake_signal();
  const int unbound = spec_.workload.cpus_allowed.empty() ? 0 : util::run_on_cpus(spec_.workload.cpus_allowed);
  ::prctl(PR_SET_TIMERSLACK, 1UL);  // the default of 50 µs would blur a rate of 10,000 per second
  const Nanos start = barrier_->wait();
  if (start != 0 && unbound == 0) drive(stop, start);
  if (start != 0 && unbound != 0) owner_.on_refusal(cannot_bind(spec_.workload.cpus_allowed, unbound));
  engine_->release();
  finished_.store(true, std::memory_order_release);
  owner_.on_exit();
}

void Worker::drive(const std::stop_token& stop, Nanos start) {
  workload::Pacer pacer(spec_.workload, generator_.part(), start);
  deadline_ = spec_.workload.runtime == 0 ? 0 : start + spec_.workload.runtime;
  begin_cpu_wait(start);
  workload::Request request;
  Nanos now = start;
  while (!stop.stop_requested() && (deadline_ == 0 || now < deadline_) && next(request)) {
    const Nanos first_due = due(pacer, request);
    if (first_due > now && !wait_until(stop, first_due)) break;
    const Nanos began = trying(request.op) ? clock_.now() : 0;
    gather(pacer, request, first_due, std::max(now, first_due));
    now = perform(deadline_, began);
    if (now >= next_cpu_look_) [[unlikely]]
      add_cpu_wait(now);
    if (spec_.workload.thinktime != 0 && !think(stop, pacer, now)) break;
  }
  completed_ = !stop.stop_requested();
  if (completed_ && generator_.last(request)) {
    count_ = 0;
    add(pacer, request, 0, 1);
    (void)perform(0, 0);
  }
  add_cpu_wait(clock_.now());
}

void Worker::begin_cpu_wait(Nanos now) {
  const auto times = util::scheduler_times();
  if (!times) {
    next_cpu_look_ = std::numeric_limits<Nanos>::max();
    return;
  }
  waited_before_ = times->waited;
  next_cpu_look_ = now + kCpuLook;
  counters_.cpu_wait_known.store(true, std::memory_order_relaxed);
}

void Worker::add_cpu_wait(Nanos now) {
  if (next_cpu_look_ == std::numeric_limits<Nanos>::max()) return;
  next_cpu_look_ = now + kCpuLook;
  if (const auto times = util::scheduler_times()) {
    counters_.cpu_wait.set(static_cast<std::uint64_t>(std::max<Nanos>(0, times->waited - waited_before_)));
  }
}

bool Worker::next(workload::Request& out) {
  if (!held_) [[likely]]
    return generator_.next(out);
  out = *held_;
  held_.reset();
  return true;
}

// The pause that comes after an operation, if another one comes after it. false when the job is over.
bool Worker::think(const std::stop_token& stop, workload::Pacer& pacer, Nanos now) {
  workload::Request coming;
  if (!next(coming)) return false;
  held_ = coming;
  const Nanos until = now + spec_.workload.thinktime;
  pacer.pause(now, until);
  return wait_until(stop, until);
}

// 0 when it is not paced. A rate is one of reads, writes and trims; what syncs them follows at once.
Nanos Worker::due(const workload::Pacer& pacer, const workload::Request& request) const {
  return pacer.paced() && util::op_class(request.op) != util::OpClass::sync ? pacer.due() : 0;
}

// The requests that go to the engine together: `first` and those after it that go in the same direction and are due as
// well.
void Worker::gather(workload::Pacer& pacer, workload::Request first, Nanos first_due, Nanos now) {
  const DirectionState* state = state_of(first.op);
  const std::size_t batch = state == nullptr ? 1 : state->batch;
  count_ = 0;
  add(pacer, first, first_due, batch);
  workload::Request request;
  while (count_ < batch && next(request)) {
    const Nanos when = due(pacer, request);
    if (request.op != first.op || when > now) {
      held_ = request;
      return;
    }
    add(pacer, request, when, batch);
  }
}

void Worker::add(workload::Pacer& pacer, const workload::Request& request, Nanos when, std::size_t batch) {
  Transfer& transfer = transfers_[count_];
  transfer.op = request.op;
  transfer.offset = request.offset;
  transfer.length = request.length;
  if (request.op == Op::write) {
    transfer.buffer = batch == 1 ? payload_.fill(request.offset) : payload_.fill(request.offset, count_);
  } else {
    transfer.buffer = read_buffer_.data();
  }
  dues_[count_++] = when;
  if (when != 0) pacer.issued(request.length);
}

Worker::DirectionState* Worker::state_of(Op op) {
  return op == Op::read ? &directions_[0] : op == Op::write ? &directions_[1] : nullptr;
}

// false when the job is to end before `when`.
bool Worker::wait_until(const std::stop_token& stop, Nanos when) {
  const bool past_end = deadline_ != 0 && when >= deadline_;
  const Nanos until = past_end ? deadline_ : when;
  while (clock_.now() < until) {
    if (stop.stop_requested()) return false;
    clock_.sleep_until(until);
  }
  return !past_end;
}

// Whether what is done next decides how the rest is done.
bool Worker::trying(Op op) {
  const DirectionState* state = state_of(op);
  return state != nullptr && !state->decided;
}

// Does what was gathered, up to what is the end of the job: an error too many, `until`. `began`: with the making of the
// data. When the last of the operations ended.
Nanos Worker::perform(Nanos until, Nanos began) {
  std::size_t ended = 0;
  do {
    const std::size_t before = ended;
    ended += engine_->run({transfers_.data() + before, count_ - before}, until);
    for (std::size_t i = before; i < ended; ++i) record(transfers_[i], dues_[i]);
  } while (ended < count_ && transfers_[ended - 1].outcome != Outcome::stopped);
  count_ = ended;
  const Op op = transfers_[0].op;
  if (trying(op)) adapt(op == Op::read ? Direction::read : Direction::write, *state_of(op), began);
  return transfers_[ended - 1].ended;
}

// Goes on with the comparison, or goes along with the worker that has it.
void Worker::adapt(Direction direction, DirectionState& state, Nanos began) {
  const auto use = [&](const engine::PipeSetting& setting) {
    state.batch = setting.batch;
    engine_->tune(direction, setting);
  };
  if (!state.comparison) {
    state.decided = state.tuning->decided();
    return use(state.tuning->setting());
  }
  Comparison& comparison = *state.comparison;
  const std::size_t before = comparison.candidate();
  const std::uint64_t bytes = moved_if_done();
  const Nanos time = transfers_[count_ - 1].ended - began;
  bytes != 0 ? comparison.add_sample(bytes, time) : comparison.add_failure(time);
  if (comparison.ended()) {
    state.tuning->decide(comparison.best(), comparison.nanos_per_byte());
    state.comparison.reset();
    state.decided = true;
    return use(state.tuning->setting());
  }
  if (comparison.candidate() == before) return;
  state.tuning->try_out(comparison.candidate());
  use(state.tuning->setting());
}

// By what was gathered last; 0 unless all of it succeeded.
std::uint64_t Worker::moved_if_done() const {
  const std::span<const Transfer> done(transfers_.data(), count_);
  const bool all = std::all_of(done.begin(), done.end(), [](auto& one) { return one.outcome == Outcome::done; });
  if (!all) return 0;
  return std::accumulate(done.begin(), done.end(), std::uint64_t{0},
                         [](auto sum, auto& one) { return sum + one.moved; });
}

// Its latency counts from when it was due, if it was.
void Worker::record(const Transfer& transfer, Nanos due) {
  LiveOp& op = counters_.ops[static_cast<std::size_t>(util::op_class(transfer.op))];
  if (transfer.outcome == Outcome::done) [[likely]] {
    const Nanos took = due != 0 ? transfer.ended - due : transfer.spent;
    if (pauses_.long_enough(took) && pauses_.spans(transfer.ended - took, transfer.ended)) [[unlikely]]
      return op.complete_across_pause(transfer.moved, transfer.ended);
    return op.complete(transfer.moved, took, transfer.ended);
  }
  if (transfer.outcome == Outcome::stopped) return op.bytes.add(transfer.moved);
  const ErrorClass error_class = classify_failure(transfer, fd_);
  const bool of_blocks = util::op_class(transfer.op) != util::OpClass::sync;
  op.fail(transfer.moved, of_blocks ? transfer.length : transfer.moved, error_class);
  owner_.on_error(transfer, error_class);
}

}  // namespace spliced::job
