// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "form/render.h"
#include "form/spec_reader.h"
#include "unit/plan/spec_parts.h"

namespace spliced::form {
namespace {

using testing::io;
using testing::policy;

using nlohmann::json;
using workload::Distribution;
using workload::Mode;

// Rendered, read and rendered again. Equal texts of all fields are equal specs: each is rendered exactly.
plan::JobSpec round_trip(const plan::JobSpec& spec) {
  const Json rendered = render_spec(spec);
  const auto again = read_spec(rendered.dump());
  if (!again) {
    ADD_FAILURE() << rendered.dump(2) << "\n" << again.error().errors.front().detail;
    return {};
  }
  EXPECT_EQ(render_spec(again->spec), rendered);
  return again->spec;
}

plan::JobSpec full() {
  plan::JobSpec spec;
  spec.name = "full ü \"quoted\"";
  spec.targets = {"/dev/nvme0n1", "/var/lib/file with space"};
  io(spec).workload = {Mode::randrw,
                       70,
                       1536,
                       {false, 1 << 20, 0},
                       {true, 0, 33.3},
                       2'500'000'000,
                       1'500'000'000,
                       true,
                       7,
                       3,
                       false,
                       {0, 2, 3},
                       123'456'789,
                       1000,
                       12'345,
                       17,
                       42,
                       {Distribution::Kind::zipf, 1.2},
                       4,
                       5,
                       6,
                       true};
  io(spec).payload = {verify::PayloadKind::pattern, "\xaa\x55", 0, 0, false};
  io(spec).engine = engine::SpliceOptions{engine::ReadPath::discard, 262144, 1, true};
  policy(spec) = {9, 250'000'000};
  spec.criteria.max_io_errors = 7;
  spec.criteria.min_coverage = 0.995;
  spec.criteria.steady = plan::Steady::wanted;
  io(spec).until =
      run::UntilSteady{run::SteadyOf::p99, util::OpClass::write, util::kSecond / 4, {4, 0.25, 0.05, 6}, true};
  run::StageCriteria& limits = spec.criteria.stages;
  limits.latency = {{util::OpClass::read, "p99.9999", 0.999999, 15'000'000},
                    {util::OpClass::read, "max", 1, 20'000'000}};
  limits.latency_stop = {true, 2 * util::kSecond};
  limits.min_rate = {{util::OpClass::write, 68ULL << 20}};
  limits.per_tb = true;
  spec.confirm = {"5000c500a1b2c3d4"};
  spec.destructive = true;
  spec.overwrite_signatures = {"ext4", "all"};
  return spec;
}

void expect_equal(const workload::WorkloadSpec& a, const workload::WorkloadSpec& b) {
  EXPECT_EQ(a.rw, b.rw);
  EXPECT_EQ(a.rwmixread, b.rwmixread);
  EXPECT_EQ(a.bs, b.bs);
  for (const auto& [x, y] : {std::pair(a.offset, b.offset), std::pair(a.size, b.size)}) {
    EXPECT_EQ(x.relative, y.relative);
    EXPECT_EQ(x.relative ? x.percent : 0, y.relative ? y.percent : 0);
    EXPECT_EQ(x.relative ? 0 : x.bytes, y.relative ? 0 : y.bytes);
  }
  EXPECT_EQ(a.ramp_time, b.ramp_time);
  EXPECT_EQ(a.runtime, b.runtime);
  EXPECT_EQ(a.time_based, b.time_based);
  EXPECT_EQ(a.loops, b.loops);
  EXPECT_EQ(a.workers, b.workers);
  EXPECT_EQ(a.direct, b.direct);
  EXPECT_EQ(a.cpus_allowed, b.cpus_allowed);
  EXPECT_EQ(a.rate, b.rate);
  EXPECT_EQ(a.rate_iops, b.rate_iops);
  EXPECT_EQ(a.thinktime, b.thinktime);
  EXPECT_EQ(a.thinktime_blocks, b.thinktime_blocks);
  EXPECT_EQ(a.seed, b.seed);
  EXPECT_EQ(a.distribution.kind, b.distribution.kind);
  EXPECT_EQ(a.distribution.parameter, b.distribution.parameter);
  EXPECT_EQ(a.fsync, b.fsync);
  EXPECT_EQ(a.fdatasync, b.fdatasync);
  EXPECT_EQ(a.sync_file_range, b.sync_file_range);
  EXPECT_EQ(a.end_fsync, b.end_fsync);
}

TEST(RenderSpec, DefaultsSurviveARoundTrip) {
  plan::JobSpec spec;
  spec.targets = {"/a"};
  const plan::JobSpec again = round_trip(spec);
  expect_equal(io(spec).workload, io(again).workload);
  EXPECT_FALSE(std::get<engine::SpliceOptions>(io(again).engine).read_path);
  EXPECT_EQ(std::get<engine::SpliceOptions>(io(again).engine).pipe_size, 0U);
}

// A stage of streams, and stages in it that are repeated.
TEST(RenderSpec, StagesOfAllKindsSurviveARoundTrip) {
  plan::JobSpec spec;
  spec.targets = {"/a"};
  run::StreamSpec reader{"reader", 7 * util::kSecond, {}}, writer{"writer", 0, {}};
  reader.io.workload.bs = workload::PerOp(4096, 8192, 1 << 20);
  reader.io.workload.rate = workload::RateLimit(workload::PerOp(1000, 0, 5));
  reader.io.workload.rate_iops = workload::RateLimit(workload::PerOp(0, 77, 0));
  run::StageSpec mix{"mix", run::StreamsSpec{{reader, writer}, util::kSecond, 3 * util::kSecond}, {2, util::kSecond}};
  run::StageSpec pause{"pause", run::WaitSpec{5}, {}};
  spec.stages = {{"again", run::RepeatSpec{3, {mix, pause}}, {}}};
  const plan::JobSpec again = round_trip(spec);
  const auto& inner = std::get<run::RepeatSpec>(again.stages.at(0).what);
  EXPECT_EQ(again.stages[0].name, "again");
  EXPECT_EQ(inner.times, 3U);
  EXPECT_EQ(inner.stages.at(0).error_policy.max_errors, 2U);
  EXPECT_EQ(std::get<run::WaitSpec>(inner.stages.at(1).what).time, 5);
  const auto& streams = std::get<run::StreamsSpec>(inner.stages[0].what);
  EXPECT_EQ(streams.ramp_time, util::kSecond);
  EXPECT_EQ(streams.runtime, 3 * util::kSecond);
  ASSERT_EQ(streams.streams.size(), 2U);
  EXPECT_EQ(streams.streams[0].name, "reader");
  EXPECT_EQ(streams.streams[0].start_delay, 7 * util::kSecond);
  expect_equal(streams.streams[0].io.workload, reader.io.workload);
  expect_equal(streams.streams[1].io.workload, writer.io.workload);
}

TEST(RenderSpec, EveryFieldSurvivesARoundTrip) {
  const plan::JobSpec spec = full();
  const plan::JobSpec again = round_trip(spec);
  expect_equal(io(spec).workload, io(again).workload);
  EXPECT_EQ(again.name, spec.name);
  EXPECT_EQ(again.targets, spec.targets);
  EXPECT_EQ(io(again).payload, io(spec).payload);
  EXPECT_EQ(io(again).engine, io(spec).engine);
  EXPECT_EQ(policy(again).max_errors, policy(spec).max_errors);
  EXPECT_EQ(policy(again).stall_timeout, policy(spec).stall_timeout);
  EXPECT_EQ(again.criteria.max_io_errors, spec.criteria.max_io_errors);
  EXPECT_EQ(again.criteria.min_coverage, spec.criteria.min_coverage);
  EXPECT_EQ(again.criteria.max_indeterminate, spec.criteria.max_indeterminate);
  EXPECT_EQ(again.criteria.steady, spec.criteria.steady);
  ASSERT_TRUE(io(again).until);
  EXPECT_EQ(io(again).until->of, run::SteadyOf::p99);
  EXPECT_EQ(io(again).until->op, util::OpClass::write);
  EXPECT_EQ(io(again).until->round, util::kSecond / 4);
  EXPECT_EQ(io(again).until->rule.max_rounds, 6U);
  EXPECT_EQ(io(again).until->rule.slope, 0.05);
  const run::StageCriteria &limits = spec.criteria.stages, &same = again.criteria.stages;
  ASSERT_EQ(limits.latency.size(), same.latency.size());
  for (std::size_t i = 0; i < limits.latency.size(); ++i) {
    EXPECT_EQ(limits.latency[i].op, same.latency[i].op);
    EXPECT_EQ(limits.latency[i].most, same.latency[i].most);
  }
  EXPECT_EQ(limits.latency_stop.stop, same.latency_stop.stop);
  EXPECT_EQ(limits.latency_stop.cycle, same.latency_stop.cycle);
  ASSERT_EQ(limits.min_rate.size(), same.min_rate.size());
  EXPECT_EQ(limits.per_tb, same.per_tb);
  EXPECT_EQ(again.destructive, spec.destructive);
  EXPECT_EQ(again.overwrite_signatures, spec.overwrite_signatures);
}

TEST(RenderSpec, EveryKindOfEngineSurvives) {
  plan::JobSpec spec = full();
  io(spec).engine = engine::PsyncOptions{};
  EXPECT_EQ(io(round_trip(spec)).engine, io(spec).engine);
}

TEST(RenderSpec, EveryModeDistributionAndPathSurvive) {
  for (std::size_t i = 0; i < workload::kModeNames.size(); ++i) {
    plan::JobSpec spec;
    spec.targets = {"/a"};
    spec.destructive = true;
    io(spec).workload.rw = static_cast<Mode>(i);
    EXPECT_EQ(io(round_trip(spec)).workload.rw, io(spec).workload.rw);
  }
  for (const Distribution d :
       {Distribution{Distribution::Kind::pareto, 0.1}, Distribution{Distribution::Kind::normal, 1.0 / 3},
        Distribution{Distribution::Kind::zipf, 1e-9}}) {
    plan::JobSpec spec = full();
    io(spec).workload.distribution = d;
    EXPECT_EQ(io(round_trip(spec)).workload.distribution.parameter, d.parameter);
  }
}

TEST(RenderSpec, OddNumbersAreExact) {
  for (const double percent : {100.0, 1.0 / 3, 1e-7, 99.99999999999999}) {
    plan::JobSpec spec = full();
    io(spec).workload.size = {true, 0, percent};
    EXPECT_EQ(io(round_trip(spec)).workload.size.percent, percent);
  }
  for (const util::Nanos time : {1LL, 999LL, 1'000'000'001LL, 86'400'000'000'000LL, 3'000'000'000'000'000'000LL}) {
    plan::JobSpec spec = full();
    spec.criteria.steady = plan::Steady::none;
    io(spec).until.reset();
    io(spec).workload.runtime = time;
    EXPECT_EQ(io(round_trip(spec)).workload.runtime, time);
  }
  for (const std::uint64_t bytes : {1ULL, 1000ULL, 1025ULL, 1ULL << 62, (1ULL << 63) - 1}) {
    plan::JobSpec spec = full();
    io(spec).workload.size = {false, bytes, 0};
    io(spec).workload.seed = bytes;
    EXPECT_EQ(io(round_trip(spec)).workload.size.bytes, bytes);
  }
}

TEST(RenderSpec, LargestRateSurvives) {
  plan::JobSpec spec = full();
  io(spec).workload.rate = (1ULL << 63) - (1ULL << 40);
  EXPECT_EQ(io(round_trip(spec)).workload.rate, io(spec).workload.rate);
}

TEST(RenderSpec, LooksLikeTheContract) {
  plan::JobSpec spec;
  spec.targets = {"/a"};
  io(spec).workload.bs = 65536;
  io(spec).workload.runtime = 30 * util::kSecond;
  const Json rendered = render_spec(spec);
  EXPECT_EQ(rendered.at("stages").at(0).at("workload").at("bs"), "64k");
  EXPECT_EQ(rendered.at("stages").at(0).at("workload").at("size"), "100%");
  EXPECT_EQ(rendered.at("stages").at(0).at("workload").at("offset"), 0);
  EXPECT_EQ(rendered.at("stages").at(0).at("workload").at("runtime"), "30s");
  EXPECT_EQ(rendered.at("stages").at(0).at("workload").at("rate"), "0");
  EXPECT_EQ(rendered.at("stages").at(0).at("workload").at("thinktime"), "0");
  EXPECT_EQ(rendered.at("stages").at(0).at("workload").at("random_distribution"), "uniform");
  EXPECT_EQ(
      rendered.at("engine"),
      (Json{{"kind", "splice"}, {"read_path", "auto"}, {"pipe_size", "auto"}, {"batch", "auto"}, {"gift", false}}));
  EXPECT_EQ(rendered.at("error_policy"), (Json{{"max_errors", 0}, {"stall_timeout", "60s"}}));
  EXPECT_EQ(rendered.at("criteria"), (Json{{"max_io_errors", 0},
                                           {"max_mismatches", nullptr},
                                           {"max_indeterminate", nullptr},
                                           {"min_coverage", nullptr},
                                           {"max_slow_zone", nullptr},
                                           {"max_peer_deviation", nullptr},
                                           {"steady", "none"},
                                           {"latency", nullptr},
                                           {"min_rate", nullptr}}));
  EXPECT_EQ(rendered.begin().key(), "name");
}

}  // namespace
}  // namespace spliced::form
