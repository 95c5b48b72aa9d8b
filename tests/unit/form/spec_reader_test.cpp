// SPDX-License-Identifier: Apache-2.0
#include "form/spec_reader.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include "spec_texts.h"
#include "unit/plan/spec_parts.h"

namespace spliced::form {
namespace {

using testing::errors_of;
using testing::io;
using testing::minimal;
using testing::only;
using testing::policy;
using testing::read;
using testing::refuse;
using testing::with;

using nlohmann::json;
using workload::Distribution;
using workload::Mode;

engine::SpliceOptions splice(const plan::JobSpec& spec) {
  return std::get<engine::SpliceOptions>(io(spec).engine);
}

TEST(SpecReader, TheKindOfAnEngineDecidesWhichOptionsThereAre) {
  EXPECT_EQ(io(read("/engine/kind", "splice")).engine, engine::Options(engine::SpliceOptions{}));
  EXPECT_EQ(io(read("/engine/kind", "psync")).engine, engine::Options(engine::PsyncOptions{}));
  json job = with("/engine/kind", "psync");
  job["engine"]["batch"] = 4;
  job["engine"]["read_path"] = "auto";
  const auto spec = read_spec(job.dump());
  ASSERT_FALSE(spec);
  ASSERT_EQ(spec.error().errors.size(), 2U) << "even where they say the default";
  EXPECT_EQ(spec.error().errors[0].pointer, "/engine/read_path");
  EXPECT_EQ(spec.error().errors[1].pointer, "/engine/batch");
  EXPECT_NE(spec.error().errors[1].detail.find("splice"), std::string::npos);
  const auto unknown = read_spec(with("/engine/kind", "libaio").dump());
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().errors.at(0).pointer, "/engine/kind");
  EXPECT_NE(unknown.error().errors[0].detail.find("splice, psync"), std::string::npos);
}

TEST(SpecReader, DefaultsAreThoseOfTheContract) {
  const plan::JobSpec spec = read(minimal());
  EXPECT_EQ(spec.name, "");
  EXPECT_EQ(spec.targets, std::vector<std::string>{"/dev/x"});
  EXPECT_EQ(io(spec).workload.rw, Mode::read);
  EXPECT_EQ(io(spec).workload.bs, 4096U);
  EXPECT_TRUE(io(spec).workload.size.relative);
  EXPECT_EQ(io(spec).workload.size.percent, 100);
  EXPECT_EQ(io(spec).workload.workers, 1U);
  EXPECT_TRUE(io(spec).workload.direct);
  EXPECT_EQ(io(spec).workload.seed, 1U);
  EXPECT_EQ(io(spec).payload, verify::Payload{});
  EXPECT_FALSE(std::get<engine::SpliceOptions>(io(spec).engine).read_path);
  EXPECT_EQ(std::get<engine::SpliceOptions>(io(spec).engine).pipe_size, 0U);
  EXPECT_EQ(policy(spec).max_errors, 0U);
  EXPECT_EQ(spec.criteria.max_io_errors, 0U);
  EXPECT_EQ(policy(spec).stall_timeout, 60 * util::kSecond);
  EXPECT_FALSE(spec.destructive);
}

TEST(SpecReader, ReadsTopLevelFields) {
  EXPECT_EQ(read("/name", "first light").name, "first light");
  EXPECT_EQ(read("/targets", {"/a", "/b"}).targets, (std::vector<std::string>{"/a", "/b"}));
  EXPECT_TRUE(read("/destructive", true).destructive);
  EXPECT_TRUE(read("/allow_in_use", true).allow_in_use);
  EXPECT_EQ(read("/overwrite_signatures", {"ext4", "all"}).overwrite_signatures,
            (std::vector<std::string>{"ext4", "all"}));
}

TEST(SpecReader, ReadsEveryMode) {
  for (std::size_t i = 0; i < workload::kModeNames.size(); ++i) {
    EXPECT_EQ(io(read("/workload/rw", workload::kModeNames[i])).workload.rw, static_cast<Mode>(i));
  }
  EXPECT_EQ(io(read("/workload/rw", "readwrite")).workload.rw, Mode::rw);
}

TEST(SpecReader, ReadsNumbersAndSwitches) {
  EXPECT_EQ(io(read("/workload/rwmixread", 0)).workload.rwmixread, 0U);
  EXPECT_EQ(io(read("/workload/rwmixread", 100)).workload.rwmixread, 100U);
  EXPECT_EQ(io(read("/workload/loops", 9223372036854775807)).workload.loops, 9223372036854775807U);
  EXPECT_EQ(io(read("/workload/workers", 64)).workload.workers, 64U);
  EXPECT_FALSE(io(read("/workload/direct", false)).workload.direct);
  EXPECT_EQ(io(read("/workload/rate_iops", 7)).workload.rate_iops, 7U);
  EXPECT_EQ(io(read("/workload/seed", 0)).workload.seed, 0U);
  EXPECT_EQ(io(read("/workload/seed", 18446744073709551615U)).workload.seed, 18446744073709551615U);
  EXPECT_EQ(io(read("/workload/workers", 64.0)).workload.workers, 64U);
  EXPECT_EQ(io(read("/workload/rate", 1e6)).workload.rate, 1'000'000U);
  EXPECT_TRUE(io(read("/workload/end_fsync", true)).workload.end_fsync);
  EXPECT_TRUE(splice(read("/engine/gift", true)).gift);
  EXPECT_EQ(policy(read("/error_policy/max_errors", 3)).max_errors, 3U);
  EXPECT_EQ(read("/criteria/max_io_errors", 3).criteria.max_io_errors, 3U);
  EXPECT_EQ(policy(read("/criteria/max_io_errors", 3)).max_errors, 0U) << "two different things";
  EXPECT_EQ(splice(read("/engine/batch", 1)).batch, 1U);
  EXPECT_EQ(splice(read("/engine/batch", "auto")).batch, 0U);
}

TEST(SpecReader, ReadsWhatOnlyAWriterHas) {
  json job = with("/workload/rw", "write");
  job["workload"].update({{"fsync", 1}, {"fdatasync", 2}, {"sync_file_range", 3}, {"payload", "zero"}});
  const plan::JobSpec spec = read(job);
  EXPECT_EQ(io(spec).workload.fsync, 1U);
  EXPECT_EQ(io(spec).workload.fdatasync, 2U);
  EXPECT_EQ(io(spec).workload.sync_file_range, 3U);
  EXPECT_EQ(io(spec).payload.kind, verify::PayloadKind::zero);
  EXPECT_EQ(io(read("/workload/payload", "random")).payload, verify::Payload{});
  const verify::Payload pattern = io(read("/workload/payload", "pattern:0xAA55")).payload;
  EXPECT_EQ(pattern.kind, verify::PayloadKind::pattern);
  EXPECT_EQ(pattern.pattern, "\xaa\x55");
  EXPECT_EQ(io(read("/workload/compress", 50)).payload.compress, 50U);
  EXPECT_FALSE(io(read("/workload/header", false)).payload.header);
}

TEST(SpecReader, ReadsSizes) {
  const std::pair<json, std::uint64_t> sizes[] = {
      {4096, 4096},      {"4096", 4096},       {"64k", 65536},     {"64K", 65536}, {"4KiB", 4096},    {"1M", 1 << 20},
      {"1MiB", 1 << 20}, {"32MB", 32'000'000}, {"512kB", 512'000}, {"0.5k", 512},  {"1.5M", 3 << 19}, {"512B", 512}};
  for (const auto& [text, bytes] : sizes) EXPECT_EQ(io(read("/workload/bs", text)).workload.bs, bytes) << text;
  EXPECT_EQ(io(read("/workload/rate", "2G")).workload.rate, 2ULL << 30);
  EXPECT_EQ(io(read("/workload/size", "1T")).workload.size.bytes, 1ULL << 40);
  EXPECT_EQ(io(read("/workload/size", "1TB")).workload.size.bytes, 1'000'000'000'000U);
  EXPECT_EQ(splice(read("/engine/pipe_size", "256k")).pipe_size, 262144U);
  EXPECT_EQ(splice(read("/engine/pipe_size", "auto")).pipe_size, 0U);
}

TEST(SpecReader, ReadsPercentages) {
  const auto size = io(read("/workload/size", "12.5%")).workload.size;
  EXPECT_TRUE(size.relative);
  EXPECT_EQ(size.percent, 12.5);
  const auto offset = io(read("/workload/offset", "0%")).workload.offset;
  EXPECT_TRUE(offset.relative);
  EXPECT_EQ(offset.percent, 0);
  EXPECT_FALSE(io(read("/workload/offset", 512)).workload.offset.relative);
}

TEST(SpecReader, ReadsDurations) {
  const std::pair<json, util::Nanos> durations[] = {{"500ms", util::kSecond / 2},
                                                    {"30s", 30 * util::kSecond},
                                                    {"10m", 600 * util::kSecond},
                                                    {"1h", 3600 * util::kSecond},
                                                    {"2d", 2 * 86400 * util::kSecond},
                                                    {"7", 7 * util::kSecond},
                                                    {7, 7 * util::kSecond},
                                                    {0.25, util::kSecond / 4},
                                                    {"1.5s", 3 * util::kSecond / 2},
                                                    {0, 0}};
  for (const auto& [text, time] : durations)
    EXPECT_EQ(io(read("/workload/runtime", text)).workload.runtime, time) << text;
  EXPECT_EQ(io(read("/workload/thinktime", "10us")).workload.thinktime, 10'000);
  EXPECT_EQ(policy(read("/error_policy/stall_timeout", "5s")).stall_timeout, 5 * util::kSecond);
  EXPECT_TRUE(
      io(read(json{{"targets", {"/x"}}, {"workload", {{"time_based", true}, {"runtime", 1}}}})).workload.time_based);
}

TEST(SpecReader, ReadsDistributions) {
  const auto kind_of = [](const char* text) {
    json job = with("/workload/random_distribution", text);
    job["workload"]["rw"] = "randread";
    return io(read(job)).workload.distribution;
  };
  EXPECT_EQ(kind_of("uniform").kind, Distribution::Kind::uniform);
  EXPECT_EQ(kind_of("random").kind, Distribution::Kind::uniform);
  EXPECT_EQ(kind_of("zipf:1.2").kind, Distribution::Kind::zipf);
  EXPECT_EQ(kind_of("zipf:1.2").parameter, 1.2);
  EXPECT_EQ(kind_of("pareto:0.2").kind, Distribution::Kind::pareto);
  EXPECT_EQ(kind_of("normal:10").kind, Distribution::Kind::normal);
}

TEST(SpecReader, ReadsReadPaths) {
  EXPECT_FALSE(splice(read("/engine/read_path", "auto")).read_path);
  for (std::size_t i = 0; i < engine::kReadPathNames.size(); ++i) {
    EXPECT_EQ(splice(read("/engine/read_path", engine::kReadPathNames[i])).read_path, static_cast<engine::ReadPath>(i));
  }
}

TEST(SpecReader, ReadsWritesAndTrimsMayBeToldApart) {
  const auto workload = [](const char* key, const json& value) {
    return io(read(std::string("/workload/") + key, value)).workload;
  };
  EXPECT_EQ(workload("bs", {{"write", "128k"}, {"trim", "4G"}}).bs, workload::PerOp(4096, 131'072, 4ULL << 30));
  EXPECT_EQ(workload("bs", "8k").bs, workload::PerOp(8192));
  EXPECT_EQ(workload("rate", {{"read", "76M"}}).rate, workload::RateLimit(workload::PerOp(76 << 20, 0, 0)));
  EXPECT_EQ(workload("rate_iops", {{"trim", 7}}).rate_iops, workload::RateLimit(workload::PerOp(0, 0, 7)));
  EXPECT_EQ(workload("rate_iops", 7).rate_iops, workload::RateLimit(7));
  EXPECT_EQ(errors_of(with("/workload/bs", {{"reed", 512}}).dump()), only("/workload/bs/reed"));
}

TEST(SpecReader, RefusesTheWrongType) {
  const json text = "x", number = 5, list = json::array({1}), object = {{"a", 1}}, null = nullptr, yes = true;
  for (const auto& wrong : {number, list, object, null, yes}) {
    for (const char* p :
         {"/name", "/workload/rw", "/workload/random_distribution", "/workload/payload", "/engine/read_path"}) {
      refuse(p, wrong);
    }
  }
  for (const auto& wrong : {text, list, object, null, yes, json(1.5), json(-1.0), json(-1)}) {
    for (const char* p :
         {"/workload/rwmixread", "/workload/loops", "/workload/workers", "/workload/seed", "/workload/fsync",
          "/workload/fdatasync", "/workload/sync_file_range", "/workload/thinktime_blocks", "/error_policy/max_errors",
          "/criteria/max_io_errors", "/workload/size", "/workload/offset"}) {
      refuse(p, wrong);
    }
    for (const char* p : {"/workload/rate_iops", "/workload/bs", "/workload/rate"}) {
      if (wrong != object) refuse(p, wrong);
      const json read = {{"read", wrong}};
      EXPECT_EQ(errors_of(with(p, read).dump()), only(std::string(p) + "/read")) << p << " = " << read;
    }
  }
  for (const auto& wrong : {text, number, list, object, null}) {
    for (const char* p : {"/workload/time_based", "/workload/direct", "/workload/end_fsync", "/engine/gift",
                          "/destructive", "/allow_in_use"}) {
      refuse(p, wrong);
    }
  }
  for (const auto& wrong : {text, list, object, null, yes, json(-1), json("1 s"), json("-1s"), json(1e30)}) {
    for (const char* p :
         {"/workload/ramp_time", "/workload/runtime", "/workload/thinktime", "/error_policy/stall_timeout"})
      refuse(p, wrong);
  }
  for (const auto& wrong : {text, number, list, null, yes}) {
    for (const char* p : {"/workload", "/engine", "/error_policy", "/criteria"}) refuse(p, wrong);
  }
}

TEST(SpecReader, OneErrorForEachWrongSizeOfTheEngine) {
  for (const json& wrong : {json("x"), json(-1), json(nullptr), json(true)}) {
    refuse("/engine/pipe_size", wrong);
    refuse("/engine/batch", wrong);
  }
}

TEST(SpecReader, RefusesWhatIsOutOfRange) {
  const std::pair<const char*, json> wrong[] = {{"/name", std::string(129, 'n')},
                                                {"/targets", json::array()},
                                                {"/workload/rwmixread", 101},
                                                {"/workload/bs", 0},
                                                {"/workload/bs", 511},
                                                {"/workload/bs", 1000},
                                                {"/workload/bs", "128M"},
                                                {"/workload/size", 0},
                                                {"/workload/size", "0%"},
                                                {"/workload/size", "100.1%"},
                                                {"/workload/size", "-1%"},
                                                {"/workload/size", "nan%"},
                                                {"/workload/size", "inf%"},
                                                {"/workload/size", "%"},
                                                {"/workload/size", "1 %"},
                                                {"/workload/size", "1e1%"},
                                                {"/workload/size", "50.%"},
                                                {"/workload/size", ".5%"},
                                                {"/workload/offset", "1.2.3%"},
                                                {"/workload/offset", "+5%"},
                                                {"/workload/offset", "100%"},
                                                {"/workload/loops", 0},
                                                {"/workload/workers", 0},
                                                {"/workload/workers", 65},
                                                {"/workload/time_based", "yes"},
                                                {"/workload/rw", "Read"},
                                                {"/workload/payload", "verify"},
                                                {"/workload/payload", "stamp"},
                                                {"/workload/payload", "pattern:"},
                                                {"/workload/payload", "pattern:abc"},
                                                {"/workload/payload", "pattern:0g"},
                                                {"/workload/payload", 7},
                                                {"/workload/compress", 101},
                                                {"/workload/header", "no"},
                                                {"/workload/verify", "after"},
                                                {"/workload/verify", true},
                                                {"/criteria/max_mismatches", 0},
                                                {"/engine/pipe_size", 0},
                                                {"/engine/pipe_size", 4097},
                                                {"/engine/pipe_size", "2G"},
                                                {"/engine/batch", 0},
                                                {"/engine/batch", 65},
                                                {"/engine/read_path", "mmap"},
                                                {"/error_policy/stall_timeout", 0},
                                                {"/workload/random_distribution", "zipf"},
                                                {"/workload/random_distribution", "uniform:1"},
                                                {"/workload/random_distribution", "gauss:1"}};
  for (const auto& [pointer, value] : wrong) refuse(pointer, value);
  EXPECT_EQ(errors_of(with("/workload/time_based", true).dump()), only("/workload/time_based"));
  EXPECT_EQ(errors_of(with("/workload/random_distribution", "zipf:1").dump()), only("/workload/random_distribution"));
}

TEST(SpecReader, RefusesParametersThatAreNoDistribution) {
  for (const char* value :
       {"zipf:", "zipf:0", "zipf:-1", "zipf:101", "zipf:nan", "zipf:inf", "zipf:1x", "zipf:1e0", "zipf:1.", "zipf:.5",
        "zipf:1:2", "pareto:0", "pareto:1", "normal:0", "normal:101", "uniform:", ""}) {
    json job = with("/workload/random_distribution", value);
    job["workload"]["rw"] = "randread";
    EXPECT_EQ(errors_of(job.dump()), only("/workload/random_distribution")) << value;
  }
}

TEST(SpecReader, HugeIntegersAreRefusedAndNeverWrap) {
  for (const char* digits : {"9223372036854775808", "18446744073709551615", "18446744073709551616", "1e300"}) {
    for (const char* key : {"loops", "rate_iops", "rate", "size", "bs", "workers", "rwmixread"}) {
      const std::string text = std::string(R"({"targets": ["/x"], "workload": {")") + key + "\": " + digits + "}}";
      EXPECT_EQ(errors_of(text), only(std::string("/workload/") + key)) << digits;
    }
  }
  EXPECT_EQ(errors_of(R"({"targets": ["/x"], "workload": {"workers": 4294967297}})"), only("/workload/workers"));
  EXPECT_EQ(errors_of(R"({"targets": ["/x"], "workload": {"seed": 18446744073709551616}})"), only("/workload/seed"));
  EXPECT_EQ(errors_of(R"({"targets": ["/x"], "workload": {"rate": "9999999T"}})"), only("/workload/rate"));
}

}  // namespace
}  // namespace spliced::form
