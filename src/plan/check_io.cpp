// SPDX-License-Identifier: Apache-2.0
#include "check_io.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "field_check.h"
#include "needs.h"
#include "run/tuning.h"
#include "spliced/util/units.h"

namespace spliced::plan {
namespace {

using workload::Distribution;
using workload::WorkloadSpec;

constexpr util::Nanos kLeastRound = util::kSecond / 10;
constexpr unsigned kMostRounds = 1'000;

class IoCheck : private FieldCheck {
 public:
  IoCheck(const run::IoSpec& spec, const run::StreamTimes& times, std::size_t devices)
      : spec_(spec), times_(times), devices_(devices) {}

  std::vector<util::FieldError> run() {
    ranges();
    blocks();
    engine();
    times();
    distribution();
    syncs();
    until();
    data();
    if (run::checks_reads(spec_) || spec_.check.writes) verification();
    return take();
  }

 private:
  void ranges() {
    const WorkloadSpec& w = spec_.workload;
    require(w.rwmixread <= 100, "workload/rwmixread", fmt::format("{} is not a percentage (0 to 100)", w.rwmixread));
    require(w.workers >= 1 && w.workers <= kMaxWorkers, "workload/workers",
            fmt::format("{} is not between 1 and {}", w.workers, kMaxWorkers));
    require(w.loops >= 1, "workload/loops", "0 loops would do nothing; give 1 or more");
    require(!w.size.relative || (w.size.percent > 0 && w.size.percent <= 100), "workload/size",
            "a percentage must be above 0% and at most 100%");
    require(w.size.relative || w.size.bytes > 0, "workload/size", "the size must be above 0");
    require(!w.offset.relative || (w.offset.percent >= 0 && w.offset.percent < 100), "workload/offset",
            "a percentage must be at least 0% and below 100%");
  }

  void blocks() {
    const WorkloadSpec& w = spec_.workload;
    for (const util::Op op : {util::Op::read, util::Op::write, util::Op::trim}) {
      if (workload::does(w, op)) block(op, w.bs.of(op), op == util::Op::trim ? kMaxTrim : kMaxBlock);
    }
    require(
        !workload::mixes_sizes(w) || workload::is_random(w.rw), "workload/bs",
        fmt::format("{} bytes to read and {} to write: rw \"rw\" goes through the range block by block, and needs the "
                    "same for both; \"randrw\", or two streams, do not",
                    w.bs.read, w.bs.write));
    if (good()) buffers();
  }

  void block(util::Op op, std::uint64_t bs, std::uint64_t most) {
    require(bs >= kMinBlock && bs <= most, "workload/bs",
            fmt::format("{} bytes; a block to {} has {} to {} bytes", bs, util::op_name(op), kMinBlock, most));
    require(bs < kMinBlock || bs > most || bs % kMinBlock == 0, "workload/bs",
            fmt::format("{} is not a multiple of {} bytes", bs, kMinBlock));
  }

  void buffers() {
    const WorkloadSpec& w = spec_.workload;
    // Where the batch is left open it is chosen so that there is room.
    const std::uint64_t bytes = buffer_bytes(spec_, devices_, {.batch_limit = 0});
    require(bytes <= kMaxBufferBytes, "workload/bs",
            fmt::format("{} targets with {} workers and blocks of {} bytes need {} bytes of buffers; at most {}",
                        devices_, w.workers, std::max(w.bs.read, w.bs.write), bytes, kMaxBufferBytes));
  }

  // Both directions may be wrong in the same way.
  void engine() {
    std::set<std::string> said;
    for (const engine::Direction direction : run::directions_of(spec_)) {
      for (auto& error : engine::kind_of(spec_.engine).check(spec_.engine, run::load_of(spec_, direction))) {
        if (!said.insert(error.pointer + error.detail).second) continue;
        require(false, "engine/" + error.pointer, error.detail, error.reason);
      }
    }
  }

  void times() {
    const WorkloadSpec& w = spec_.workload;
    require(!w.time_based || times_.ends > 0, "workload/time_based", "true needs a runtime above 0");
    require(w.thinktime_blocks > 0, "workload/thinktime_blocks", "0 blocks; give 1 or more");
  }

  void until() {
    if (!spec_.until) return;
    const WorkloadSpec& w = spec_.workload;
    const run::UntilSteady& until = *spec_.until;
    const std::string at = "workload/until/steady";
    require(w.time_based, at,
            "without \"time_based\": true the stage ends when the range is covered, steady or not; say so, or leave it "
            "out");
    const bool one_way = !workload::is_mixed(w.rw);
    require(one_way || until.op, at + "/direction", "the workload reads and writes; say which of them is to be steady");
    if (until.op) {
      const auto op = *until.op == util::OpClass::read    ? util::Op::read
                      : *until.op == util::OpClass::write ? util::Op::write
                                                          : util::Op::trim;
      require(workload::does(w, op), at + "/direction", fmt::format("the workload does not {}", util::op_name(op)));
    }
    require(until.round >= kLeastRound, at + "/round", "less than 100ms says nothing; give 100ms or more");
    const auto& rule = until.rule;
    require(rule.window >= 2 && rule.window <= kMostRounds, at + "/window",
            fmt::format("{} rounds; a window has 2 to {}", rule.window, kMostRounds));
    require(rule.max_rounds >= rule.window && rule.max_rounds <= kMostRounds, at + "/max_rounds",
            fmt::format("{} is not between the window of {} and {}", rule.max_rounds, rule.window, kMostRounds));
    require(until.round < kLeastRound || w.runtime == 0 || until.round <= w.runtime / std::max(1U, rule.max_rounds),
            at + "/max_rounds",
            fmt::format("{} rounds of {} take longer than the runtime of {}", rule.max_rounds,
                        util::format_duration(until.round), util::format_duration(w.runtime)));
  }

  void distribution() {
    const Distribution& d = spec_.workload.distribution;
    const bool valid = d.kind == Distribution::Kind::uniform ||
                       (d.kind == Distribution::Kind::zipf && d.parameter > 0 && d.parameter <= 100) ||
                       (d.kind == Distribution::Kind::pareto && d.parameter > 0 && d.parameter < 1) ||
                       (d.kind == Distribution::Kind::normal && d.parameter > 0 && d.parameter <= 100);
    require(valid, "workload/random_distribution",
            fmt::format("the parameter {} is out of range; zipf:θ with 0 < θ <= 100, pareto:h with 0 < h < 1, "
                        "normal:σ with 0 < σ <= 100 (percent of the range)",
                        d.parameter));
    require(d.kind == Distribution::Kind::uniform || workload::is_random(spec_.workload.rw),
            "workload/random_distribution", "only a random rw mode has a distribution");
  }

  void syncs() {
    const WorkloadSpec& w = spec_.workload;
    for (const auto& [pointer, every] : std::initializer_list<std::pair<const char*, std::uint64_t>>{
             {"workload/fsync", w.fsync},
             {"workload/fdatasync", w.fdatasync},
             {"workload/sync_file_range", w.sync_file_range}}) {
      require(workload::writes(w.rw) || every == 0, pointer, "there is nothing to sync in a job that does not write");
    }
  }

  void data() {
    const verify::Payload& payload = spec_.payload;
    require(payload.compress <= 100, "workload/compress",
            fmt::format("{} is not a percentage (0 to 100)", payload.compress));
    require(payload.compress == 0 || payload.kind == verify::PayloadKind::random, "workload/compress",
            "only the payload \"random\" has a part that compresses");
    require(payload.kind != verify::PayloadKind::pattern || payload.pattern.size() <= verify::kLargestPattern,
            "workload/payload",
            fmt::format("a pattern of {} bytes; at most {}", payload.pattern.size(), verify::kLargestPattern));
    // Else it is that of a stage that checks, and is told there.
    if (run::checks_reads(spec_)) add(util::under("workload/verify", check_interval(payload.interval, spec_.workload)));
  }

  // Which data is right must follow from the order alone, and come from the device.
  void verification() {
    const WorkloadSpec& w = spec_.workload;
    require(w.distribution.kind == Distribution::Kind::uniform, "workload/random_distribution",
            "with verification each block comes once in a round: the distribution is uniform");
    require(!workload::mixes_sizes(w), "workload/bs", "with verification, reads and writes have blocks of one size");
    require(!workload::is_trim(w.rw), "workload/verify",
            "what is trimmed need not hold anything: it cannot be checked");
    require(w.offset.relative || w.offset.bytes % verify::kSector == 0, "workload/offset",
            fmt::format("{} is no multiple of {} bytes, as verification needs it", w.offset.bytes, verify::kSector));
    require(w.size.relative || w.size.bytes % verify::kSector == 0, "workload/size",
            fmt::format("{} is no multiple of {} bytes, as verification needs it", w.size.bytes, verify::kSector));
    const auto* splice = std::get_if<engine::SpliceOptions>(&spec_.engine);
    require(splice == nullptr || !splice->gift, "engine/gift",
            "pages that are given away cannot be looked at again, as verification does; leave it out");
    require(splice == nullptr || splice->read_path != engine::ReadPath::discard, "engine/read_path",
            "\"discard\" reads nothing into memory that could be checked; leave it to \"auto\"");
  }

  const run::IoSpec& spec_;
  const run::StreamTimes times_;
  const std::size_t devices_;
};

}  // namespace

std::vector<util::FieldError> check_interval(std::uint64_t interval, const WorkloadSpec& w) {
  std::vector<util::FieldError> out;
  const auto wrong = [&](std::string detail) { out.push_back({"interval", std::move(detail)}); };
  if (interval == 0) return out;
  if ((interval & (interval - 1)) != 0 || interval < verify::kSmallestInterval || interval > verify::kLargestInterval) {
    wrong(fmt::format("{} is no power of two from {} to {}", interval, verify::kSmallestInterval,
                      verify::kLargestInterval));
  } else if (w.bs.write % interval != 0 || (!w.offset.relative && w.offset.bytes % interval != 0)) {
    wrong(
        fmt::format("{} bytes do not divide the block of {} bytes and the offset; give a smaller power of two, or none",
                    interval, w.bs.write));
  }
  return out;
}

std::vector<util::FieldError> check_io(const run::IoSpec& spec, const run::StreamTimes& times, std::size_t devices) {
  return IoCheck(spec, times, devices).run();
}

}  // namespace spliced::plan
