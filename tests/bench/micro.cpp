// SPDX-License-Identifier: Apache-2.0
// What every I/O costs besides its system calls, and what a scrape and a plan cost.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>

#include "engine/splice/splice_engine.h"
#include "job/live_counters.h"
#include "job/plan.h"
#include "spliced/job/service.h"
#include "spliced/util/clock.h"
#include "spliced/util/page_buffer.h"
#include "spliced/verify/payload.h"
#include "spliced/workload/generator.h"

namespace {

using namespace spliced;

constexpr std::uint64_t kRange = 1ULL << 40;

workload::WorkloadSpec workload_of(workload::Mode mode, bool time_based) {
  workload::WorkloadSpec spec;
  spec.rw = mode;
  spec.bs = 4096;
  spec.time_based = time_based;
  spec.runtime = util::kSecond;
  return spec;
}

void generate(benchmark::State& state, workload::Mode mode, bool time_based) {
  workload::Generator generator(workload_of(mode, time_based), {0, kRange, 4096}, 0);
  workload::Request request;
  for (auto _ : state) {
    if (!generator.next(request)) state.SkipWithError("the range is over");
    benchmark::DoNotOptimize(request);
  }
}
BENCHMARK_CAPTURE(generate, sequential, workload::Mode::read, true);
BENCHMARK_CAPTURE(generate, random_drawn, workload::Mode::randread, true);
BENCHMARK_CAPTURE(generate, random_each_block_once, workload::Mode::randread, false);

void read_clock(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(util::system_clock().now());
}
BENCHMARK(read_clock);

void record_latency(benchmark::State& state) {
  const auto histogram = std::make_unique<workload::LiveHistogram>();
  util::Nanos nanos = 1000;
  for (auto _ : state) {
    histogram->record(nanos);
    nanos = (nanos * 5 + 1) & 0xfffff;
  }
}
BENCHMARK(record_latency);

void fill_payload(benchmark::State& state, verify::Payload kind, bool places) {
  auto source = verify::PayloadSource::create(kind, 1, 4096, 16).value();
  std::uint64_t offset = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(places ? source.fill(offset, offset / 4096 % 16) : source.fill(offset));
    offset += 4096;
  }
}
BENCHMARK_CAPTURE(fill_payload, stamp_4k, verify::Payload::stamp, false);
BENCHMARK_CAPTURE(fill_payload, stamp_4k_batched, verify::Payload::stamp, true);
BENCHMARK_CAPTURE(fill_payload, zero_4k, verify::Payload::zero, true);

// System calls that do nothing, so that what is left is the engine.
class NoSyscalls final : public engine::Syscalls {
 public:
  ssize_t splice(int, off64_t*, int, off64_t*, std::size_t length) override { return static_cast<ssize_t>(length); }
  ssize_t vmsplice(int, const iovec* iov, std::size_t count, unsigned) override {
    return std::accumulate(iov, iov + count, ssize_t{0},
                           [](ssize_t sum, const iovec& part) { return sum + static_cast<ssize_t>(part.iov_len); });
  }
  ssize_t read(int, void*, std::size_t length) override { return static_cast<ssize_t>(length); }
  ssize_t write(int, const void*, std::size_t length) override { return static_cast<ssize_t>(length); }
  int pipe(int fds[2]) override {
    fds[0] = fds[1] = 1000;
    return 0;
  }
  int close(int) override { return 0; }
  int set_pipe_size(int, int bytes) override { return bytes; }
  int get_pipe_size(int) override { return 65536; }
  void* map_read_only(std::size_t) override { return nullptr; }
  int unmap(void*, std::size_t) override { return 0; }
  int discard(int, std::uint64_t, std::uint64_t) override { return 0; }
  int punch_hole(int, std::uint64_t, std::uint64_t) override { return 0; }
  int fsync(int) override { return 0; }
  int fdatasync(int) override { return 0; }
  int sync_file_range(int, std::uint64_t, std::uint64_t) override { return 0; }
  int wait_ms(int) override { return 0; }
};

// Everything around the system calls of a 4k I/O: offset, payload, engine with its clock, histogram, counters.
void around_the_system_calls(benchmark::State& state, workload::Mode mode) {
  const auto batch = static_cast<std::size_t>(state.range(0));
  NoSyscalls sys;
  engine::SpliceConfig config;
  config.read_path = engine::ReadPath::copy;
  for (auto& setting : config.settings) setting = {65536, batch};
  engine::SpliceEngine engine(config, sys, util::system_clock(), std::stop_token());
  workload::Generator generator(workload_of(mode, true), {0, kRange, 4096}, 0);
  auto payload = verify::PayloadSource::create(verify::Payload::zero, 1, 4096, batch).value();
  const auto buffer = util::PageBuffer::allocate(4096 * batch).value();
  const auto counters = std::make_unique<job::WorkerCounters>();
  std::array<engine::IoSlot, engine::kMaxBatch> transfers;
  std::array<engine::IoSlot*, engine::kMaxBatch> slots, ended{};
  for (std::size_t i = 0; i < slots.size(); ++i) slots[i] = &transfers[i];
  for (auto _ : state) {
    for (std::size_t i = 0; i < batch; ++i) {
      workload::Request request;
      (void)generator.next(request);
      transfers[i].op = request.op;
      transfers[i].offset = request.offset;
      transfers[i].length = request.length;
      transfers[i].buffer = request.op == util::Op::write ? payload.fill(request.offset, i) : buffer.data() + i * 4096;
    }
    benchmark::DoNotOptimize(engine.submit({slots.data(), batch}));
    benchmark::DoNotOptimize(engine.reap({ended.data(), batch}, batch, 0));
    for (std::size_t i = 0; i < batch; ++i) {
      const engine::IoSlot& transfer = transfers[i];
      counters->ops[static_cast<std::size_t>(util::op_class(transfer.op))].complete(transfer.moved, transfer.spent,
                                                                                    transfer.ended);
    }
  }
  state.counters["ns_per_io"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(batch) / 1e9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK_CAPTURE(around_the_system_calls, read, workload::Mode::randread)->Arg(1)->Arg(4)->Arg(16);
BENCHMARK_CAPTURE(around_the_system_calls, write, workload::Mode::randwrite)->Arg(1)->Arg(4)->Arg(16);

void snapshot_counters(benchmark::State& state) {
  const auto counters = std::make_unique<job::WorkerCounters>();
  for (util::Nanos nanos = 100; nanos < 100'000; nanos += 7) counters->ops[0].latency.record(nanos);
  for (auto _ : state) {
    job::DeviceTotals totals;
    counters->add_to(totals);
    benchmark::DoNotOptimize(totals);
  }
}
BENCHMARK(snapshot_counters);

// Files stand for devices: opened, locked, inspected and given back.
void plan_1000_devices(benchmark::State& state) {
  namespace fs = std::filesystem;
  char name[] = "/tmp/spliced-micro-XXXXXX";
  const fs::path dir = ::mkdtemp(name);
  job::JobSpec spec;
  spec.workload.direct = false;
  for (int i = 0; i < 1000; ++i) {
    spec.targets.push_back(dir / fmt::format("t{}", i));
    std::ofstream(spec.targets.back()) << std::string(4096, 'x');
  }
  device::TargetAdmission admission(device::AllowList({dir.string() + "/"}), device::HostPaths{});
  for (auto _ : state) {
    auto plan = job::make_plan(admission, spec, "job");
    if (!plan) {
      state.SkipWithError(plan.error().message.c_str());
      break;
    }
  }
  fs::remove_all(dir);
}
BENCHMARK(plan_1000_devices)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
