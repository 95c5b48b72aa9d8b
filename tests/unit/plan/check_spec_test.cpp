// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "engine/splice/candidates.h"
#include "engine/splice/splice_engine.h"

#include <cmath>
#include <limits>

#include "spec_parts.h"
#include "spliced/util/page_buffer.h"

namespace spliced::plan {
namespace {

using testing::io;
using testing::policy;

using workload::Amount;
using workload::Distribution;
using workload::Mode;

JobSpec valid() {
  JobSpec spec;
  spec.targets = {"/dev/sdx"};
  return spec;
}
JobSpec valid_writer() {
  JobSpec spec = valid();
  io(spec).workload.rw = Mode::write;
  spec.destructive = true;
  return spec;
}
std::vector<std::string> pointers(const JobSpec& spec) {
  std::vector<std::string> out;
  for (const auto& error : check_spec(spec)) {
    EXPECT_NE(error.detail, "") << error.pointer;
    out.push_back(error.pointer);
  }
  return out;
}
using Pointers = std::vector<std::string>;
const Pointers kNone;

TEST(CheckSpec, TheDefaultsAreValid) {
  EXPECT_EQ(pointers(valid()), kNone);
  EXPECT_EQ(pointers(valid_writer()), kNone);
}

TEST(CheckSpec, NameLength) {
  JobSpec spec = valid();
  spec.name = std::string(kMaxNameLength, 'n');
  EXPECT_EQ(pointers(spec), kNone);
  spec.name += 'n';
  EXPECT_EQ(pointers(spec), Pointers{"name"});
  spec.name.clear();
  for (std::size_t i = 0; i < kMaxNameLength; ++i) spec.name += "é";
  EXPECT_EQ(pointers(spec), kNone);
}

TEST(CheckSpec, NumberOfTargets) {
  JobSpec spec = valid();
  spec.targets.clear();
  EXPECT_EQ(pointers(spec), Pointers{"targets"});
  for (std::size_t i = 0; i < kMaxTargets; ++i) spec.targets.push_back("/t/" + std::to_string(i));
  EXPECT_EQ(pointers(spec), kNone);
  spec.targets.emplace_back("/t/one-more");
  EXPECT_EQ(pointers(spec), Pointers{"targets"});
}

TEST(CheckSpec, EachTargetIsAnAbsolutePathOnce) {
  JobSpec spec = valid();
  spec.targets = {"/a", "b", "", "/a", std::string("/c\0d", 4)};
  EXPECT_EQ(pointers(spec), (Pointers{"targets/1", "targets/2", "targets/3", "targets/4"}));
}

TEST(CheckSpec, PercentageOfReads) {
  JobSpec spec = valid();
  for (const unsigned good : {0U, 100U}) {
    io(spec).workload.rwmixread = good;
    EXPECT_EQ(pointers(spec), kNone);
  }
  io(spec).workload.rwmixread = 101;
  EXPECT_EQ(pointers(spec), Pointers{"stages/0/streams/0/workload/rwmixread"});
}

TEST(CheckSpec, Workers) {
  JobSpec spec = valid();
  io(spec).workload.workers = kMaxWorkers;
  EXPECT_EQ(pointers(spec), kNone);
  io(spec).workload.workers = kMaxWorkers + 1;
  EXPECT_EQ(pointers(spec), Pointers{"stages/0/streams/0/workload/workers"});
  io(spec).workload.workers = 0;
  EXPECT_EQ(pointers(spec), Pointers{"stages/0/streams/0/workload/workers"});
}

TEST(CheckSpec, Loops) {
  JobSpec spec = valid();
  io(spec).workload.loops = 0;
  EXPECT_EQ(pointers(spec), Pointers{"stages/0/streams/0/workload/loops"});
}

TEST(CheckSpec, RelativeSize) {
  JobSpec spec = valid();
  for (const double good : {0.001, 100.0}) {
    io(spec).workload.size = {true, 0, good};
    EXPECT_EQ(pointers(spec), kNone) << good;
  }
  for (const double bad : {0.0, -1.0, 100.001, std::nan(""), std::numeric_limits<double>::infinity()}) {
    io(spec).workload.size = {true, 0, bad};
    EXPECT_EQ(pointers(spec), Pointers{"stages/0/streams/0/workload/size"}) << bad;
  }
}

TEST(CheckSpec, AbsoluteSize) {
  JobSpec spec = valid();
  io(spec).workload.size = {false, 1, 0};
  EXPECT_EQ(pointers(spec), kNone);
  io(spec).workload.size = {false, 0, 0};
  EXPECT_EQ(pointers(spec), Pointers{"stages/0/streams/0/workload/size"});
}

TEST(CheckSpec, Offset) {
  JobSpec spec = valid();
  for (const double good : {0.0, 99.9}) {
    io(spec).workload.offset = {true, 0, good};
    EXPECT_EQ(pointers(spec), kNone) << good;
  }
  for (const double bad : {-0.1, 100.0, std::nan("")}) {
    io(spec).workload.offset = {true, 0, bad};
    EXPECT_EQ(pointers(spec), Pointers{"stages/0/streams/0/workload/offset"}) << bad;
  }
  io(spec).workload.offset = {false, std::numeric_limits<std::uint64_t>::max(), 0};
  EXPECT_EQ(pointers(spec), kNone);  // the target decides
}

TEST(CheckSpec, BlockSize) {
  JobSpec spec = valid();
  for (const std::uint64_t good : {kMinBlock, kMaxBlock}) {
    io(spec).workload.bs = good;
    EXPECT_EQ(pointers(spec), kNone) << good;
  }
  io(spec).workload.bs = kMaxBlock + kMinBlock;
  EXPECT_EQ(pointers(spec), Pointers{"stages/0/streams/0/workload/bs"});
  io(spec).workload.bs = kMinBlock + 1;
  EXPECT_EQ(pointers(spec), Pointers{"stages/0/streams/0/workload/bs"});
  io(spec).workload.bs = 0;
  EXPECT_EQ(pointers(spec), Pointers{"stages/0/streams/0/workload/bs"});
}

TEST(CheckSpec, BuffersOfAllWorkers) {
  JobSpec spec = valid_writer();
  io(spec).workload.bs = kMaxBlock;
  io(spec).workload.workers = kMaxBufferBytes / kMaxBlock - 1;  // a worker has a little more than a block
  EXPECT_EQ(pointers(spec), kNone);
  spec.targets.emplace_back("/dev/sdy");
  EXPECT_EQ(pointers(spec), Pointers{"stages/0/streams/0/workload/bs"});
  io(spec).workload.workers /= 2;
  EXPECT_EQ(pointers(spec), kNone);
}

TEST(CheckSpec, ReadsOfAnyBlockFitIntoTheBuffers) {
  JobSpec spec = valid();
  spec.targets.emplace_back("/dev/sdy");
  io(spec).workload.bs = kMaxBlock;
  io(spec).workload.workers = kMaxWorkers;
  EXPECT_EQ(pointers(spec), kNone);
}

TEST(CheckSpec, PipeSize) {
  JobSpec spec = valid();
  for (const std::uint64_t good : {std::uint64_t{0}, std::uint64_t{util::kPageSize}, engine::kMaxPipe}) {
    std::get<engine::SpliceOptions>(io(spec).engine).pipe_size = good;
    EXPECT_EQ(pointers(spec), kNone) << good;
  }
  for (const std::uint64_t bad : {std::uint64_t{util::kPageSize + 1}, engine::kMaxPipe + util::kPageSize}) {
    std::get<engine::SpliceOptions>(io(spec).engine).pipe_size = bad;
    EXPECT_EQ(pointers(spec), Pointers{"stages/0/streams/0/engine/pipe_size"}) << bad;
  }
}

TEST(CheckSpec, Batch) {
  JobSpec spec = valid();
  std::get<engine::SpliceOptions>(io(spec).engine).batch = engine::kMaxBatch;
  EXPECT_EQ(pointers(spec), kNone);
  std::get<engine::SpliceOptions>(io(spec).engine).batch = engine::kMaxBatch + 1;
  EXPECT_EQ(pointers(spec), Pointers{"stages/0/streams/0/engine/batch"});
}

TEST(CheckSpec, ABatchMustFitIntoThePipe) {
  JobSpec spec = valid();
  io(spec).workload.bs = 65536;
  std::get<engine::SpliceOptions>(io(spec).engine).batch = 16;
  EXPECT_EQ(pointers(spec), kNone);
  std::get<engine::SpliceOptions>(io(spec).engine).batch = 17;
  EXPECT_EQ(pointers(spec), Pointers{"stages/0/streams/0/engine/batch"});
  std::get<engine::SpliceOptions>(io(spec).engine).pipe_size = 2 << 20;
  EXPECT_EQ(pointers(spec), kNone);
  std::get<engine::SpliceOptions>(io(spec).engine).pipe_size = 65536;
  EXPECT_EQ(pointers(spec), Pointers{"stages/0/streams/0/engine/batch"});
  std::get<engine::SpliceOptions>(io(spec).engine).batch = 1;
  EXPECT_EQ(pointers(spec), kNone);
  io(spec).workload.bs = kMaxBlock;
  EXPECT_EQ(pointers(spec), kNone) << "one block may be larger than the pipe";
}

TEST(CheckSpec, TextThatAnyDoorMayRefuse) {
  for (const char* unfit : {"a\xef\xbf\xbe", "\xef\xb7\x90", "a\nb", "a\x7f", "\xc2\x80", "\xff"}) {
    JobSpec spec = valid();
    spec.name = unfit;
    EXPECT_EQ(pointers(spec), Pointers{"name"}) << unfit;
    spec = valid();
    spec.targets.at(0) += unfit;
    EXPECT_EQ(pointers(spec), Pointers{"targets/0"}) << unfit;
  }
  JobSpec spec = valid();
  spec.name = std::string("a\0b", 3);
  EXPECT_EQ(pointers(spec), Pointers{"name"});
  spec.name = "Prüfung 磁盘 😀 \xef\xbf\xbd";
  EXPECT_EQ(pointers(spec), kNone);
}

TEST(CheckSpec, Times) {
  JobSpec spec = valid();
  io(spec).workload.time_based = true;
  EXPECT_EQ(pointers(spec), Pointers{"stages/0/streams/0/workload/time_based"});
  io(spec).workload.runtime = 1;
  EXPECT_EQ(pointers(spec), kNone);
  policy(spec).stall_timeout = 1;
  EXPECT_EQ(pointers(spec), kNone);
  policy(spec).stall_timeout = 0;
  EXPECT_EQ(pointers(spec), Pointers{"stages/0/error_policy/stall_timeout"});
}

TEST(CheckSpec, DistributionParameters) {
  JobSpec spec = valid();
  io(spec).workload.rw = Mode::randread;
  const auto check = [&](Distribution::Kind kind, double parameter) {
    io(spec).workload.distribution = {kind, parameter};
    return pointers(spec);
  };
  const Pointers refused{"stages/0/streams/0/workload/random_distribution"};
  EXPECT_EQ(check(Distribution::Kind::uniform, 0), kNone);
  for (const double good : {0.01, 1.0, 100.0}) EXPECT_EQ(check(Distribution::Kind::zipf, good), kNone) << good;
  for (const double bad : {0.0, -1.0, 100.1, std::nan("")}) EXPECT_EQ(check(Distribution::Kind::zipf, bad), refused);
  for (const double good : {0.01, 0.99}) EXPECT_EQ(check(Distribution::Kind::pareto, good), kNone) << good;
  for (const double bad : {0.0, 1.0, std::nan("")}) EXPECT_EQ(check(Distribution::Kind::pareto, bad), refused) << bad;
  for (const double good : {0.01, 100.0}) EXPECT_EQ(check(Distribution::Kind::normal, good), kNone) << good;
  for (const double bad : {0.0, 100.1, std::nan("")}) EXPECT_EQ(check(Distribution::Kind::normal, bad), refused) << bad;
}

TEST(CheckSpec, OnlyARandomModeHasADistribution) {
  JobSpec spec = valid();
  io(spec).workload.distribution = {Distribution::Kind::zipf, 1};
  EXPECT_EQ(pointers(spec), Pointers{"stages/0/streams/0/workload/random_distribution"});
  io(spec).workload.rw = Mode::randread;
  EXPECT_EQ(pointers(spec), kNone);
}

TEST(CheckSpec, WhatDestroysMustSaySo) {
  for (std::size_t i = 0; i < workload::kModeNames.size(); ++i) {
    JobSpec spec = valid();
    io(spec).workload.rw = static_cast<Mode>(i);
    const bool destroys = workload::destroys(io(spec).workload.rw);
    EXPECT_EQ(pointers(spec), destroys ? Pointers{"destructive"} : kNone) << workload::kModeNames[i];
    spec.destructive = true;
    EXPECT_EQ(pointers(spec), kNone) << workload::kModeNames[i];
  }
}

TEST(CheckSpec, OnlyAReaderMayShare) {
  JobSpec spec = valid();
  spec.allow_in_use = true;
  EXPECT_EQ(pointers(spec), kNone);
  JobSpec writer = valid_writer();
  writer.allow_in_use = true;
  EXPECT_EQ(pointers(writer), Pointers{"allow_in_use"});
}

TEST(CheckSpec, OnlyAWriterSyncs) {
  using workload::WorkloadSpec;
  const std::vector<std::pair<std::uint64_t WorkloadSpec::*, const char*>> fields{
      {&WorkloadSpec::fsync, "stages/0/streams/0/workload/fsync"},
      {&WorkloadSpec::fdatasync, "stages/0/streams/0/workload/fdatasync"},
      {&WorkloadSpec::sync_file_range, "stages/0/streams/0/workload/sync_file_range"}};
  for (const auto& [field, pointer] : fields) {
    JobSpec reader = valid();
    io(reader).workload.*field = 1;
    EXPECT_EQ(pointers(reader), Pointers{pointer});
    JobSpec writer = valid_writer();
    io(writer).workload.*field = 1;
    EXPECT_EQ(pointers(writer), kNone);
  }
}

TEST(CheckSpec, EverythingThatIsWrongIsSaidAtOnce) {
  JobSpec spec;
  io(spec).workload.rw = Mode::write;
  io(spec).workload.loops = 0;
  io(spec).workload.bs = 1;
  policy(spec).stall_timeout = -1;
  EXPECT_EQ(pointers(spec), (Pointers{"targets", "stages/0/streams/0/workload/loops", "stages/0/streams/0/workload/bs",
                                      "stages/0/error_policy/stall_timeout", "destructive"}));
}

}  // namespace
}  // namespace spliced::plan
