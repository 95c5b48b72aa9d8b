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

#include "plan/plan.h"
#include "run/io_loop.h"
#include "run/live_counters.h"
#include "spliced/figures/series.h"
#include "spliced/job/service.h"
#include "spliced/util/clock.h"
#include "spliced/util/page_buffer.h"
#include "spliced/util/random.h"
#include "spliced/verify/write_buffers.h"
#include "spliced/workload/request_feed.h"

namespace {

using namespace spliced;

constexpr std::uint64_t kRange = 1ULL << 40;

workload::WorkloadSpec workload_of(workload::Mode mode) {
  workload::WorkloadSpec spec;
  spec.rw = mode;
  spec.bs = 4096;
  spec.time_based = true;
  spec.runtime = util::kSecond;
  return spec;
}

void generate(benchmark::State& state, workload::Mode mode, std::uint64_t range, double zipf) {
  auto spec = workload_of(mode);
  if (zipf != 0) spec.distribution = {workload::Distribution::Kind::zipf, zipf};
  workload::BlockSource source(spec, {0, range, 4096});
  workload::RequestFeed feed(spec, source);
  workload::Request request;
  for (auto _ : state) {
    if (feed.next(request, 16) != workload::RequestFeed::Next::request) state.SkipWithError("the range is over");
    feed.done(request.position);
    benchmark::DoNotOptimize(request);
  }
}
BENCHMARK_CAPTURE(generate, sequential, workload::Mode::read, kRange, 0);
BENCHMARK_CAPTURE(generate, random, workload::Mode::randread, kRange, 0);
BENCHMARK_CAPTURE(generate, random_of_a_small_range, workload::Mode::randread, 1ULL << 30, 0);
BENCHMARK_CAPTURE(generate, mixed, workload::Mode::randrw, kRange, 0);
BENCHMARK_CAPTURE(generate, zipf, workload::Mode::randread, kRange, 1.1);

void ask_where_a_block_comes(benchmark::State& state) {
  const workload::Pass pass(workload_of(workload::Mode::randread), {0, kRange, 4096});
  std::uint64_t block = 0;
  for (auto _ : state) benchmark::DoNotOptimize(pass.index_of(block++));
}
BENCHMARK(ask_where_a_block_comes);

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

std::shared_ptr<const verify::Image> image_of(verify::PayloadKind kind, bool header = true) {
  const verify::Payload payload{kind, "\xaa", 0, 4096, header};
  return std::make_shared<const verify::Image>(payload, verify::Origin{{}, 2, 1});
}

// What fill and check are held against: as many bytes, copied between buffers that lie alike nowhere, for memory that
// does so flatters whoever copies it.
struct Buffers {
  explicit Buffers(std::size_t bytes) : memory(util::PageBuffer::allocate(2 * bytes + 65'536).value()), size(bytes) {}
  util::PageBuffer memory;
  std::size_t size;
  std::byte* first() { return memory.data(); }
  std::byte* second() { return memory.data() + size + 12'288 + 5 * 64; }
};

void copy_memory(benchmark::State& state) {
  Buffers buffers(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    std::memcpy(buffers.second(), buffers.first(), buffers.size);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(copy_memory)->Arg(4096)->Arg(65'536)->Arg(1 << 20);

void fill_block(benchmark::State& state, verify::PayloadKind kind) {
  Buffers buffers(static_cast<std::size_t>(state.range(0)));
  const auto image = image_of(kind);
  std::uint64_t offset = 0;
  for (auto _ : state) {
    image->fill({buffers.second(), buffers.size}, offset, 1);
    benchmark::ClobberMemory();
    offset += buffers.size;
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(fill_block, random, verify::PayloadKind::random)->Arg(4096)->Arg(65'536)->Arg(1 << 20);
BENCHMARK_CAPTURE(fill_block, pattern, verify::PayloadKind::pattern)->Arg(4096)->Arg(65'536)->Arg(1 << 20);

void check_block(benchmark::State& state, verify::PayloadKind kind, bool portably) {
  Buffers buffers(static_cast<std::size_t>(state.range(0)));
  const auto image = image_of(kind);
  const std::span<std::byte> data(buffers.second(), buffers.size);
  image->fill(data, 40'960, 1);
  std::size_t right = 0;
  for (auto _ : state) {
    right += portably ? image->check_portably(data, 40'960, 1) : image->check(data, 40'960, 1);
    benchmark::ClobberMemory();
  }
  if (right != state.iterations() * buffers.size) state.SkipWithError("what was filled is not right");
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(check_block, random, verify::PayloadKind::random, false)->Arg(4096)->Arg(65'536)->Arg(1 << 20);
BENCHMARK_CAPTURE(check_block, pattern, verify::PayloadKind::pattern, false)->Arg(4096)->Arg(65'536)->Arg(1 << 20);
BENCHMARK_CAPTURE(check_block, portably, verify::PayloadKind::random, true)->Arg(4096)->Arg(65'536)->Arg(1 << 20);

// System calls that do nothing but count those for data, so that what is left is ours.
class NoSyscalls final : public engine::Syscalls {
 public:
  std::uint64_t calls = 0;
  ssize_t splice(int, off64_t*, int, off64_t*, std::size_t length) override { return moved(length); }
  ssize_t vmsplice(int, const iovec* iov, std::size_t count, unsigned) override {
    return moved(std::accumulate(iov, iov + count, std::size_t{0},
                                 [](std::size_t sum, const iovec& part) { return sum + part.iov_len; }));
  }
  ssize_t read(int, void*, std::size_t length) override { return moved(length); }
  ssize_t write(int, const void*, std::size_t length) override { return moved(length); }
  ssize_t pread(int, void*, std::size_t length, std::uint64_t) override { return moved(length); }
  ssize_t pwrite(int, const void*, std::size_t length, std::uint64_t) override { return moved(length); }
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

 private:
  ssize_t moved(std::size_t length) {
    ++calls;
    return static_cast<ssize_t>(length);
  }
};

struct NobodysWorker final : run::WorkerOwner {
  void on_error(const engine::IoSlot&, run::ErrorClass) override {}
  void on_refusal(const std::string&) override {}
  void on_exit() override {}
  bool before_io(std::atomic<util::Nanos>&, const std::stop_token&) override { return true; }
  void on_doubt(const engine::IoSlot&) override {}
  void on_damage(const run::Miscompare&, bool) override {}
  void on_host_fault(run::HostFault, const std::string&) override {}
};

// Everything around the system calls of a 4k I/O: the loop of a worker with its offsets, payload, engine, clock,
// histogram and counters.
void around_the_system_calls(benchmark::State& state, workload::Mode mode, bool splice) {
  const auto batch = static_cast<std::size_t>(state.range(0));
  engine::Options options = engine::PsyncOptions{};
  if (splice) options = engine::SpliceOptions{engine::ReadPath::copy, 65536, batch, false};
  workload::WorkloadSpec workload = workload_of(mode);
  workload.runtime = util::kSecond / 50;
  NoSyscalls sys;
  engine::EngineConfig config;
  config.options = options;
  for (auto& setting : config.settings) setting = {65536, batch};
  config.read_buffer = 4096;
  const auto engine = engine::kind_of(options).make(config, sys, util::system_clock(), std::stop_token());
  workload::BlockSource source(workload, {0, kRange, 4096});
  workload::RequestFeed feed(workload, source);
  auto payload = verify::WriteBuffers::create(image_of(verify::PayloadKind::zero, false), 4096, batch).value();
  const auto buffer = util::PageBuffer::allocate(4096).value();
  const auto counters = std::make_unique<run::WorkerCounters>();
  const run::PauseWatch pauses(util::system_clock().now());
  const run::FlushWatch flushes;
  NobodysWorker owner;
  run::OpRecorder recorder(*counters, pauses, flushes, -1, owner);
  figures::LiveBands reads(figures::BandGrid(0, kRange), true, false),
      writes(figures::BandGrid(0, kRange), true, false);
  run::TuningMemory memory;
  run::IoSpec spec;
  spec.workload = workload;
  spec.engine = options;
  const run::HeldTarget target;
  run::Tuning reading(engine::Direction::read, spec, target, {}, memory);
  run::Tuning writing(engine::Direction::write, spec, target, {}, memory);
  run::Calibrator calibrator({&reading, &writing}, false);
  run::PauseGate gate(util::system_clock());
  const run::StreamTimes times{0, 0, workload.runtime};
  const std::atomic<bool> never{false};
  for (auto _ : state) {
    run::IoLoop loop({workload,
                      times,
                      *engine,
                      feed,
                      calibrator,
                      recorder,
                      {&reads, &writes},
                      never,
                      *counters,
                      nullptr,
                      util::system_clock(),
                      gate,
                      buffer.data(),
                      nullptr,
                      payload,
                      1,
                      batch});
    benchmark::DoNotOptimize(loop.run(std::stop_token(), util::system_clock().now()));
  }
  const auto blocks = static_cast<double>(counters->ops[0].operations.get() + counters->ops[1].operations.get());
  state.counters["ns_per_block"] =
      static_cast<double>(state.iterations()) * static_cast<double>(workload.runtime) / blocks;
  state.counters["calls_per_block"] = static_cast<double>(sys.calls) / blocks;
}
BENCHMARK_CAPTURE(around_the_system_calls, splice_read, workload::Mode::randread, true)->Arg(1)->Arg(4)->Arg(16);
BENCHMARK_CAPTURE(around_the_system_calls, splice_write, workload::Mode::randwrite, true)->Arg(1)->Arg(4)->Arg(16);
BENCHMARK_CAPTURE(around_the_system_calls, psync_read, workload::Mode::randread, false)->Arg(1);
BENCHMARK_CAPTURE(around_the_system_calls, psync_write, workload::Mode::randwrite, false)->Arg(1);

// What a block costs that goes into a band: of a sequential pass, and of a random one, where each is in another band.
void count_into_bands(benchmark::State& state) {
  constexpr std::uint64_t kDisk = 20'000'000'000'000, kBlock = 4096;
  const bool random = state.range(0) != 0;
  figures::LiveBands bands(figures::BandGrid(0, kDisk), true, state.range(1) != 0);
  figures::BandTally tally(&bands);
  util::Xoshiro256 words(1);
  std::vector<std::uint64_t> offsets(1 << 12);
  for (std::size_t i = 0; i < offsets.size(); ++i)
    offsets[i] = (random ? util::scale_to(kDisk / kBlock, words.next()) : i) * kBlock;
  std::size_t i = 0;
  for (auto _ : state) tally.add(offsets[i++ & (offsets.size() - 1)], kBlock, 10'000, 0);
  state.counters["bytes"] = static_cast<double>(bands.memory());
}
BENCHMARK(count_into_bands)->ArgNames({"random", "shared"})->ArgsProduct({{0, 1}, {0, 1}});

// A point of the series each second, with its percentiles; what all of it takes on a device that reads and writes.
void add_to_series(benchmark::State& state) {
  figures::Series series;
  std::array<figures::HistogramMark, 2> marks;
  workload::Histogram latency;
  double now = 0;
  for (auto _ : state) {
    for (std::size_t i = 100; i < 400; ++i) latency.add(i, 10);
    figures::SeriesPoint point;
    point.start = now++;
    point.length = 1;
    for (std::size_t op = 0; op < marks.size(); ++op) {
      const auto since = marks[op].advance(latency);
      point.ops[op] = {1e8, 1e8, 1e8, 1e4, 1e4, 1e4, since.p50, since.p99, since.longest};
    }
    series.add(point);
  }
  state.counters["bytes"] = static_cast<double>(series.memory() + marks[0].memory() + marks[1].memory());
}
BENCHMARK(add_to_series);

void snapshot_counters(benchmark::State& state) {
  const auto counters = std::make_unique<run::WorkerCounters>();
  for (util::Nanos nanos = 100; nanos < 100'000; nanos += 7) counters->ops[0].latency.record(nanos);
  for (auto _ : state) {
    run::DeviceTotals totals;
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
  plan::JobSpec spec;
  std::get<run::StreamsSpec>(spec.stages.front().what).streams.front().io.workload.direct = false;
  for (int i = 0; i < 1000; ++i) {
    spec.targets.push_back(dir / fmt::format("t{}", i));
    std::ofstream(spec.targets.back()) << std::string(4096, 'x');
  }
  device::TargetAdmission admission(device::AllowList({dir.string() + "/"}), device::HostPaths{});
  for (auto _ : state) {
    auto plan = plan::make_plan(admission, spec, "job");
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
