#include "worker.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>

#include "spliced/util/threads.h"

namespace spliced::job {

using engine::Outcome;
using engine::Transfer;
using util::Nanos;
using util::Op;

namespace {

// A pipe of one block, so that a block is one system call, as far as pipes grow (pipe(7): sizes are powers of two).
constexpr std::uint64_t kMinPipe = 64 * 1024;
constexpr std::uint64_t kMaxAutoPipe = 1024 * 1024;

std::size_t pipe_size_for(const JobSpec& spec) {
  if (spec.engine.pipe_size != 0) return spec.engine.pipe_size;
  return std::clamp(std::bit_ceil(spec.workload.bs), kMinPipe, kMaxAutoPipe);
}

engine::SpliceConfig engine_config(const JobSpec& spec, const DevicePlan& plan) {
  engine::SpliceConfig config;
  config.fd = plan.target.fd.get();
  config.block_device = plan.target.facts.block_device;
  config.pinned = spec.engine.read_path.has_value();
  config.read_path = spec.engine.read_path.value_or(engine::ReadPath::map);
  config.pipe_size = pipe_size_for(spec);
  config.gift = spec.engine.gift;
  return config;
}

std::uint64_t size_now(int fd) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) return 0;
  std::uint64_t bytes = static_cast<std::uint64_t>(st.st_size);
  if (S_ISBLK(st.st_mode) && ::ioctl(fd, BLKGETSIZE64, &bytes) != 0) return 0;
  return bytes;
}

}  // namespace

EngineFactory splice_engines() {
  return [](const engine::SpliceConfig& config, util::Clock& clock, std::stop_token stop) {
    return std::make_unique<engine::SpliceEngine>(config, engine::kernel(), clock, std::move(stop));
  };
}

// A target that ended inside its planned range went away or shrank: reads find no more bytes, writes no more space.
ErrorClass classify_failure(const Transfer& transfer, int fd) {
  const bool ended = transfer.outcome == Outcome::end_of_target;
  if (ended || transfer.error == ENOSPC || transfer.error == EIO) {
    if (transfer.offset + transfer.length > size_now(fd)) return ErrorClass::removed;
  }
  return ended ? ErrorClass::removed : classify_errno(transfer.error);
}

util::Result<std::unique_ptr<Worker>> Worker::create(const Setup& setup) {
  std::unique_ptr<Worker> worker(new Worker(setup));
  const auto block = static_cast<std::size_t>(setup.spec.workload.bs);
  if (workload::reads(setup.spec.workload.rw)) {
    auto buffer = util::PageBuffer::allocate(block);
    if (!buffer) return tl::unexpected(util::with_context(buffer.error(), "read buffer"));
    worker->read_buffer_ = std::move(*buffer);
  }
  if (workload::writes(setup.spec.workload.rw)) {
    auto payload = verify::PayloadSource::create(setup.spec.payload, setup.spec.workload.seed, block);
    if (!payload) return tl::unexpected(payload.error());
    worker->payload_ = std::move(*payload);
  }
  worker->engine_ = setup.engines(engine_config(setup.spec, setup.plan), setup.clock, worker->engine_stop_.get_token());
  return worker;
}

Worker::Worker(const Setup& setup)
    : spec_(setup.spec),
      fd_(setup.plan.target.fd.get()),
      index_(setup.index),
      name_(setup.thread_name),
      owner_(setup.owner),
      gate_(setup.gate),
      clock_(setup.clock),
      generator_(setup.spec.workload, setup.plan.range, setup.index) {}

Worker::~Worker() {
  if (thread_.joinable()) {
    request_stop();
    thread_.join();
  }
}

void Worker::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) {
    // The engine was made before the thread: it listens to a stop source of its own, which follows the thread's.
    const std::stop_callback follow(stop, [this] { engine_stop_.request_stop(); });
    run(stop);
  });
}

void Worker::wake() {
  if (thread_.joinable() && !finished()) util::wake_thread(thread_.native_handle());
}

void Worker::run(const std::stop_token& stop) {
  util::name_this_thread(name_);
  util::accept_wake_signal();
  ::prctl(PR_SET_TIMERSLACK, 1UL);  // the default of 50 µs would blur a rate of 10,000 per second
  if (const Nanos start = gate_->wait(); start != 0) drive(stop, start);
  finished_.store(true, std::memory_order_release);
  owner_.on_exit();
}

void Worker::drive(const std::stop_token& stop, Nanos start) {
  workload::Pacer pacer(spec_.workload, index_, start);
  deadline_ = spec_.workload.runtime == 0 ? 0 : start + spec_.workload.runtime;
  const Nanos think = spec_.workload.thinktime;
  workload::Request request;
  Nanos now = start;
  bool more = true;
  while (!stop.stop_requested() && (deadline_ == 0 || now < deadline_) && (more = generator_.next(request))) {
    // A rate is one of reads, writes and trims; what syncs them follows at once.
    const bool paced = pacer.paced() && util::op_class(request.op) != util::OpClass::sync;
    const Nanos due = paced ? pacer.due() : 0;
    if (due > now && !wait_until(stop, due)) break;
    now = perform(request, due);
    if (paced) pacer.issued(request.length);
    if (think != 0 && !wait_until(stop, now + think)) break;
  }
  completed_ = !stop.stop_requested();
  if (completed_ && generator_.last(request)) now = perform(request, 0);
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

// When the operation ended. Its latency counts from when it was due, if it was.
Nanos Worker::perform(const workload::Request& request, Nanos due) {
  Transfer transfer;
  transfer.op = request.op;
  transfer.offset = request.offset;
  transfer.length = request.length;
  transfer.buffer = request.op == Op::write ? payload_.fill(request.offset) : read_buffer_.data();
  const Nanos began = clock_.now();
  counters_.inflight_since.store(began, std::memory_order_relaxed);
  engine_->run({&transfer, 1});
  counters_.inflight_since.store(0, std::memory_order_relaxed);
  record(transfer, due != 0 ? due : began);
  return transfer.ended;
}

void Worker::record(const Transfer& transfer, Nanos began) {
  LiveOp& op = counters_.ops[static_cast<std::size_t>(util::op_class(transfer.op))];
  op.bytes.add(transfer.moved);
  if (transfer.outcome == Outcome::done) [[likely]] {
    op.operations.add();
    op.latency.record(transfer.ended - began);
    counters_.last_completion.store(transfer.ended, std::memory_order_relaxed);
    if (util::op_class(transfer.op) != util::OpClass::sync) counters_.visited_bytes.add(transfer.length);
    return;
  }
  if (transfer.outcome == Outcome::stopped) return;
  const ErrorClass error_class = classify_failure(transfer, fd_);
  op.errors[static_cast<std::size_t>(error_class)].add();
  if (util::op_class(transfer.op) != util::OpClass::sync) counters_.visited_bytes.add(transfer.length);
  owner_.on_error(transfer, error_class);
}

}  // namespace spliced::job
