// SPDX-License-Identifier: Apache-2.0
// What stages have to do with one another: whoever checks what another wrote goes by what that one says.
#include "resolve.h"

#include <algorithm>

namespace spliced::plan {

using run::CheckSpec;
using run::IoSpec;
using run::StageSpec;
using util::Nanos;

namespace {

// A read of what a workload writes, once and as fast as it goes.
IoSpec reader_of(const IoSpec& writer, const IoSpec& asked) {
  IoSpec out = writer;
  workload::WorkloadSpec& w = out.workload;
  const workload::WorkloadSpec& from = writer.workload;
  w = workload::WorkloadSpec{};
  w.rw = workload::is_random(from.rw) ? workload::Mode::randread : workload::Mode::read;
  w.bs = from.bs.write;
  w.offset = from.offset;
  w.size = from.size;
  w.workers = from.workers;
  w.direct = from.direct;
  w.cpus_allowed = from.cpus_allowed;
  w.seed = from.seed;
  out.engine = asked.engine;
  out.check = asked.check;
  return out;
}

class Resolve {
 public:
  void run(std::vector<StageSpec>& stages) {
    collect(stages);
    go_through(stages);
    if (verifies_) std::for_each(concerned_.begin(), concerned_.end(), set_apart);
  }

 private:
  void collect(std::vector<StageSpec>& stages) {
    for (StageSpec& stage : stages) {
      if (auto* again = std::get_if<run::RepeatSpec>(&stage.what)) collect(again->stages);
      if (auto* io = std::get_if<run::StreamsSpec>(&stage.what)) {
        for (auto& stream : io->streams) {
          if (workload::destroys(stream.io.workload.rw) || run::checks_reads(stream.io))
            concerned_.push_back(&stream.io);
        }
      }
    }
  }

  void go_through(std::vector<StageSpec>& stages) {
    for (StageSpec& stage : stages) {
      if (auto* again = std::get_if<run::RepeatSpec>(&stage.what)) go_through(again->stages);
      if (auto* io = std::get_if<run::StreamsSpec>(&stage.what)) {
        for (auto& stream : io->streams) {
          bound(stream.io);
          inlined(stream.io);
        }
      }
      if (auto* check = std::get_if<run::VerifySpec>(&stage.what)) {
        follow(*check);
        concerned_.push_back(&check->io.streams.front().io);
      }
      before_.add(stage);
    }
  }

  // Where the runtime is left open, it is a round longer than what is looked at.
  static void bound(IoSpec& io) {
    constexpr Nanos kLongest = 100LL * 366 * 86'400 * util::kSecond;
    if (!io.until || !io.workload.time_based || io.workload.runtime != 0) return;
    const Nanos rounds = std::min<Nanos>(io.until->rule.max_rounds, 1'000) + 1;  // more are refused
    io.workload.runtime = io.until->round > kLongest / rounds ? kLongest : io.until->round * rounds;
  }

  void inlined(IoSpec& io) {
    if (!run::checks_reads(io)) return;
    verifies_ = true;
    io.check.writes = workload::writes(io.workload.rw);
    if (!io.check.writes || workload::is_mixed(io.workload.rw)) return;
    io.workload.read_back = io.check.distance != 0 ? io.check.distance : workload::kOwnDistance;
    io.workload.bs.read = io.workload.bs.write;
  }

  void follow(run::VerifySpec& check) {
    verifies_ = true;
    if (check.of.empty()) return;
    const Written<StageSpec> written = before_.find(check.of);
    if (written.io == nullptr) return;
    IoSpec& writer = *written.io;
    writer.check.writes = true;
    if (writer.payload.interval == 0) writer.payload.interval = check.interval;  // two that differ are refused
    IoSpec& reader = check.io.streams.front().io;
    reader = reader_of(writer, reader);
  }

  // Which of two rounds wrote a block last is certain only when one ends before the other begins; and what is known is
  // known of whole sectors.
  static void set_apart(IoSpec* io) {
    io->workload.rounds_apart = true;
    io->workload.whole_sectors = true;
  }

  bool verifies_ = false;
  std::vector<IoSpec*> concerned_;  // those that write, trim or check
  StagesBefore<StageSpec> before_;
};

}  // namespace

void resolve_stages(JobSpec& spec) {
  Resolve().run(spec.stages);
}

bool verifies(const JobSpec& spec) {
  const auto checks = [](const run::IoSpec* io) { return run::checks_reads(*io); };
  return std::any_of(spec.stages.begin(), spec.stages.end(), [&](const StageSpec& stage) {
    const auto all = run::all_io_of(stage);
    return std::any_of(all.begin(), all.end(), checks);
  });
}

}  // namespace spliced::plan
