// SPDX-License-Identifier: Apache-2.0
#include "worker.h"

#include <unistd.h>

#include <cerrno>

#include <fmt/format.h>
#include <sys/prctl.h>

#include <algorithm>
#include <limits>

#include "spliced/engine/syscalls.h"
#include "spliced/util/cpus.h"
#include "spliced/util/threads.h"

namespace spliced::run {
namespace {

engine::EngineConfig engine_config(const Worker::Setup& setup) {
  engine::EngineConfig config;
  config.options = setup.spec.engine;
  config.fd = setup.target.open->fd.get();
  config.block_device = setup.target.facts.block_device;
  for (std::size_t i = 0; i < engine::kDirections; ++i) {
    if (setup.tunings[i] != nullptr) config.settings[i] = setup.tunings[i]->setting();
  }
  config.read_buffer = read_buffer_bytes(setup.spec);
  return config;
}

std::size_t depth_of(const Worker::Setup& setup) {
  std::size_t depth = 1;
  for (const Tuning* tuning : setup.tunings) {
    if (tuning != nullptr) depth = std::max(depth, tuning->largest_batch());
  }
  return depth;
}

}  // namespace

int flush_target(int fd) {
  int result = 0;
  do {
    result = ::fdatasync(fd);
  } while (result != 0 && errno == EINTR);
  return result == 0 ? 0 : errno;
}

EngineFactory kernel_engines() {
  return [](const engine::EngineConfig& config, util::Clock& clock, std::stop_token stop) {
    return engine::kind_of(config.options).make(config, engine::kernel(), clock, std::move(stop));
  };
}

util::Result<std::unique_ptr<Worker>> Worker::create(const Setup& setup) {
  std::unique_ptr<Worker> worker(new Worker(setup));
  if (auto status = worker->allocate(setup); !status) return tl::unexpected(status.error());
  return worker;
}

Worker::Worker(const Setup& setup)
    : workload_(setup.spec.workload),
      times_(setup.times),
      name_(setup.thread_name),
      owner_(setup.owner),
      barrier_(setup.barrier),
      clock_(setup.environment.clock),
      feed_(setup.spec.workload, setup.source),
      calibrator_(setup.tunings, setup.index == 0),
      ramp_(setup.times.measured_from > std::max(setup.times.begins, setup.times.passed)
                ? std::make_unique<WorkerCounters>()
                : nullptr),
      recorder_(ramp_ ? *ramp_ : counters_, setup.environment.pauses, setup.flushes, setup.target.open->fd.get(),
                setup.owner) {}

util::Status Worker::allocate(const Setup& setup) {
  const auto& [reading, writing] = setup.tunings;
  if (reading != nullptr) {
    auto buffer = util::PageBuffer::allocate(read_buffer_bytes(setup.spec) * read_buffers(setup.spec, depth_of(setup)));
    if (!buffer) return tl::unexpected(util::with_context(buffer.error(), "read buffer"));
    read_buffer_ = std::move(*buffer);
  }
  if (writing != nullptr) {
    auto buffers = verify::WriteBuffers::create(setup.image, workload_.bs.write, writing->largest_batch(),
                                                setup.grant.payload_pages);
    if (!buffers) return tl::unexpected(buffers.error());
    write_buffers_ = std::move(*buffers);
  }
  make_verifier(setup);
  engine_ = setup.environment.engines(engine_config(setup), setup.environment.clock, stop_.get_token());
  loop_ = std::make_unique<IoLoop>(IoLoop::Parts{workload_, times_, *engine_, feed_, calibrator_, recorder_,
                                                 setup.bands, setup.enough, counters_, ramp_.get(),
                                                 setup.environment.clock, setup.gate, read_buffer_.data(),
                                                 verifier_.get(), write_buffers_, setup.first_pass, depth_of(setup)});
  return {};
}

void Worker::make_verifier(const Setup& setup) {
  if (setup.expectation == nullptr) return;
  const CheckSpec& check = setup.spec.check;
  const device::TargetFacts& facts = setup.target.facts;
  std::uint64_t distance = check.distance != 0 ? check.distance : default_distance(setup.source.range().size);
  // What it wrote itself it reads from the page cache.
  if (!workload_.direct && workload::destroys(workload_.rw)) distance = std::numeric_limits<std::uint64_t>::max();
  verifier_ = std::make_unique<Verifier>(
      Verifier::Parts{*setup.expectation,
                      setup.image,
                      setup.first_pass,
                      distance,
                      check.reads == CheckSpec::What::found,
                      checks_reads(setup.spec),
                      setup.damage,
                      setup.owner,
                      {setup.environment, setup.spec.engine, setup.target.open->fd.get(), facts.block_device,
                       workload_.direct ? facts.alignment : 1, looking_since_}});
}

std::uint64_t Worker::visited_bytes() const {
  return counters_.visited_bytes() + (ramp_ ? ramp_->visited_bytes() : 0);
}

util::Nanos Worker::last_completion() const {
  return std::max(counters_.last_completion(), ramp_ ? ramp_->last_completion() : 0);
}

Worker::~Worker() {
  if (thread_.joinable()) {
    request_stop();
    thread_.join();
  }
}

void Worker::start() {
  thread_ = std::thread([this] { run(stop_.get_token()); });
  started_.store(true, std::memory_order_release);
}

void Worker::wake() {
  if (started_.load(std::memory_order_acquire) && !finished()) util::wake_thread(thread_.native_handle());
}

void Worker::run(const std::stop_token& stop) {
  util::name_this_thread(name_);
  util::restore_priority();
  util::accept_wake_signal();
  ::prctl(PR_SET_TIMERSLACK, 1UL);  // the default of 50 µs would blur a rate of 10,000 per second
  // Nobody else can then keep its descriptors, nor it theirs; and the kernel need not count who uses a file.
  const bool own_table = util::leave_descriptor_table(util::OwnTable::copy);
  const util::Nanos start = barrier_->wait();
  if (start != 0 && bind() && owner_.before_io(looking_since_, stop)) completed_ = loop_->run(stop, start);
  engine_->release();
  if (own_table) {
    closing_since_ = clock_.now();
    util::close_own_descriptors();
    closing_since_ = 0;
  }
  finished_.store(true, std::memory_order_release);
  owner_.on_exit();
}

// To the CPUs that the job allows, if it names any.
bool Worker::bind() {
  const util::CpuList& cpus = workload_.cpus_allowed;
  const int error = cpus.empty() ? 0 : util::run_on_cpus(cpus);
  if (error == 0) return true;
  owner_.on_refusal(fmt::format("cpus_allowed \"{}\": {}", util::format_cpu_list(cpus), util::errno_text(error)));
  return false;
}

}  // namespace spliced::run
