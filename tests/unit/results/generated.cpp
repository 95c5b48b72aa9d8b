// SPDX-License-Identifier: Apache-2.0
#include "generated.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <variant>

#include "form/render.h"
#include "form/spec_reader.h"
#include "run/stage_evidence.h"
#include "run/zone_watch.h"

namespace spliced::testing {
namespace {

using Json = nlohmann::json;
using run::State;

constexpr std::uint64_t kMiB = 1 << 20;

class Draw {
 public:
  explicit Draw(std::mt19937_64& random) : random_(random) {}
  bool in(unsigned of) { return random_() % of == 0; }  // one time in so many
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  double between(double low, double high) { return std::uniform_real_distribution<double>(low, high)(random_); }
  double normal(double mean, double deviation) { return std::normal_distribution<double>(mean, deviation)(random_); }

 private:
  std::mt19937_64& random_;
};

Json drawn_criteria(Draw& draw, bool checks, bool peers) {
  Json out = Json::object();
  const auto share = [&](double low, double high) {
    return fmt::format("{:.1f}%{}", draw.between(low, high), draw.in(2) ? " if measurable" : "");
  };
  if (draw.in(2)) out["max_io_errors"] = draw.below(3);
  if (checks && draw.in(2)) out["max_mismatches"] = draw.below(3);
  if (checks && draw.in(3)) out["max_indeterminate"] = draw.below(8192);
  if (draw.in(2)) out["min_coverage"] = fmt::format("{}%", draw.in(2) ? 100 : 90);
  if (draw.in(2)) out["max_slow_zone"] = share(5, 20);
  if (peers && draw.in(2)) out["max_peer_deviation"] = share(1, 10);
  if (draw.in(2)) {
    Json& read = out["latency"]["read"];
    for (const char* name : {"p50", "p99", "p99.9", "p99.99", "max", "mean"}) {
      if (draw.in(3)) read[name] = fmt::format("{}us", 100 + draw.below(30'000));
    }
    if (read.is_null()) read["max"] = "20ms";
  }
  if (draw.in(2)) {
    out["min_rate"]["read"] = draw.below(200'000'000) + 1;
    if (draw.in(2)) out["min_rate"]["per_tb"] = true;
  }
  return out;
}

Json drawn_stages(Draw& draw, bool writes) {
  Json out = Json::array();
  if (writes) {
    out.push_back({{"name", "fill"}, {"workload", {{"rw", "write"}, {"bs", "64k"}}}});
    out.push_back({{"name", "check"}, {"verify", {{"of", "fill"}}}});
  }
  if (draw.in(2)) out.push_back({{"name", "cool"}, {"wait", "1s"}});
  out.push_back({{"name", "scan"}, {"workload", {{"rw", "read"}, {"bs", "1M"}}}});
  if (draw.in(2)) out.push_back({{"name", "again"}, {"workload", {{"rw", "read"}, {"bs", "1M"}, {"loops", 2}}}});
  if (draw.in(2)) {
    Json mix = {{"rw", "randread"}, {"bs", "4k"}, {"runtime", "1h"}, {"time_based", true}};
    if (draw.in(2)) mix["until"] = {{"steady", {{"of", "iops"}, {"round", "10s"}}}};
    out.push_back({{"name", "mix"}, {"workload", mix}});
  }
  return out;
}

plan::JobSpec drawn_spec(Draw& draw, std::size_t devices) {
  const bool writes = draw.in(2);
  Json job = {{"name", "drawn"}, {"targets", Json::array()}, {"destructive", writes}};
  for (std::size_t i = 0; i < devices; ++i)
    job["targets"].push_back(fmt::format("/dev/sd{}", static_cast<char>('a' + i)));
  job["stages"] = drawn_stages(draw, writes);
  job["criteria"] = drawn_criteria(draw, writes, devices >= 4);
  if (job["stages"].dump().find("until") != std::string::npos && draw.in(2))
    job["criteria"]["steady"] = draw.in(2) ? "required" : "wanted";
  auto read = form::read_spec(job.dump());
  if (!read) throw std::runtime_error(job.dump() + ": " + read.error().errors.at(0).detail);
  return std::move(read->spec);
}

workload::Histogram drawn_latency(Draw& draw, std::uint64_t count) {
  workload::Histogram out;
  const double middle = std::log(draw.between(1e5, 1e7)), width = draw.between(0.1, 1);
  const std::uint64_t samples = std::min<std::uint64_t>(count, 300);
  std::uint64_t sum = 0, longest = 0, left = count;
  for (std::uint64_t i = 0; i < samples; ++i) {
    const std::uint64_t n = i + 1 == samples ? left : std::max<std::uint64_t>(1, left / (samples - i));
    const auto nanos = static_cast<std::uint64_t>(std::exp(draw.normal(middle, width)));
    out.add(workload::buckets::index_of(nanos), n);
    sum += nanos * n;
    longest = std::max(longest, nanos);
    left -= n;
  }
  out.add_sums(sum, longest);
  return out;
}

// Twice as fast at its outer end; in some, a part is slow.
figures::BandTable drawn_bands(Draw& draw, const workload::BlockRange& range, bool slow, bool twice) {
  figures::BandTable out;
  out.grid = {range.offset, range.size};
  const auto count = static_cast<double>(out.grid.count());
  const auto rate_of = [&](std::size_t band) {
    const double usual = 2e8 - 1e8 * static_cast<double>(band) / count;
    const bool here = slow && band >= out.grid.count() / 3 && band < out.grid.count() / 3 + 3;
    return static_cast<float>(usual * (here ? 0.8 : 1) * draw.normal(1, 0.01));
  };
  for (std::size_t i = 0; i < out.grid.count(); ++i) {
    const std::uint64_t bytes = out.grid.length_of(i);
    out.last.push_back(rate_of(i));
    if (twice) out.before.push_back(rate_of(i));
    const auto busy =
        static_cast<std::uint64_t>(static_cast<double>(bytes) * 1e9 / static_cast<double>(out.last.back()));
    out.sums.push_back({bytes, busy, static_cast<std::uint32_t>(draw.below(100'000)), draw.in(500) ? 1U : 0U});
  }
  out.round = twice ? 1 : 0;
  return out;
}

run::SteadyResult drawn_rounds(Draw& draw, const figures::SteadyRule& rule) {
  run::SteadyResult out;
  out.of = "iops";
  const double width = draw.in(2) ? 0.02 : 0.2;
  while (!out.steady && out.rounds.size() < rule.max_rounds) {
    out.rounds.push_back(draw.normal(1000, 1000 * width));
    out.window = figures::judge_window(out.rounds, rule);
    out.steady = out.window.steady();
  }
  return out;
}

// One device that is gone through, stage by stage, as far as it comes.
class Walk {
 public:
  Walk(Draw& draw, const plan::JobSpec& spec, std::size_t number)
      : draw_(draw), spec_(spec), leaves_(plan::leaves_of(spec)) {
    out_.facts.name = fmt::format("sd{}", static_cast<char>('a' + number));
    out_.facts.path = spec.targets[number];
    out_.facts.block_device = true;
    out_.facts.size = (4096 + draw.below(4096)) * kMiB;
    out_.facts.info.model = draw.in(8) ? "" : "model";
    out_.facts.info.serial = fmt::format("S{}", number);
    out_.facts.info.rotational = draw.in(2);
    if (draw.in(4)) out_.facts.info.access_ranges = {0, out_.facts.size / 2};
    out_.range = {0, out_.facts.size, 4096};
  }

  std::pair<run::DeviceSnapshot, std::map<std::size_t, run::StageFigures>> go() {
    const State end = draw_.in(8) ? State::failed : draw_.in(8) ? State::cancelled : State::succeeded;
    const std::size_t last = end == State::succeeded ? leaves_.size() : draw_.below(leaves_.size());
    std::optional<double> limit;
    for (const plan::Leaf& leaf : leaves_) {
      if (const auto* again = std::get_if<run::RereadSpec>(&leaf.stage.what)) limit = again->limit;
    }
    run::ZoneWatch zones(limit, out_.facts);
    for (std::size_t i = 0; i < leaves_.size(); ++i) {
      run::StageSnapshot& stage = out_.stages.emplace_back();
      stage.name = leaves_[i].stage.name;
      stage.state = i < last ? State::succeeded : i == last ? end : State::pending;
      if (i <= last) stage_of(i, stage, zones);
    }
    out_.state = end;
    if (end == State::failed) out_.reason = out_.stages[last].reason = "it was enough";
    out_.unmeasured = draw_.in(40);
    out_.host_untrusted = draw_.in(40);
    if (draw_.in(40)) out_.idle_stage = leaves_[0].stage.name;
    if (draw_.in(40)) out_.unchecked_stage = leaves_[0].stage.name;
    return {std::move(out_), std::move(figures_)};
  }

 private:
  void stage_of(std::size_t index, run::StageSnapshot& stage, run::ZoneWatch& zones) {
    const run::StageSpec& spec = leaves_[index].stage;
    const bool done = stage.state == State::succeeded;
    run::StageFigures& figures = figures_[index];
    figures.stage = stage.name;
    if (std::holds_alternative<run::RereadSpec>(spec.what)) {
      read_again(figures, zones, done);
      stage.evidence.done = done;
    } else if (run::workers_of(spec) != 0) {
      io_stage(spec, stage, figures, done);
      if (done) zones.add(spec, figures);
    } else {
      stage.evidence.done = done;
    }
    if (std::holds_alternative<run::RereadSpec>(spec.what) && done) out_.zones = zones.report();
    out_.shown.push_back({stage.name, stage.evidence});
  }

  void read_again(run::StageFigures& figures, run::ZoneWatch& zones, bool done) {
    const auto again = zones.find_again();
    if (!done || again.bands.empty()) return;
    figures::BandTable table = drawn_bands(draw_, {again.grid.offset(), again.grid.size(), 4096}, draw_.in(2), false);
    std::vector<float> rates(again.grid.count(), 0);
    for (const auto& [first, last] : again.bands) {
      for (std::size_t i = first; i <= last; ++i) rates[i] = table.last[i];
    }
    table.last = rates;
    zones.add_again(again.grid, rates);
    figures.bands[0] = std::move(table);
  }

  void io_stage(const run::StageSpec& spec, run::StageSnapshot& stage, run::StageFigures& figures, bool done) {
    const workload::WorkloadSpec& w = run::streams_of(spec).front().io.workload;
    const bool reads = workload::does(w, util::Op::read);
    const std::size_t op = reads ? 0 : 1;
    run::StagePlan plan;
    plan.streams.emplace_back().range = stage.range = {0, out_.facts.size, 4096};
    run::DeviceTotals totals;
    run::OpTotals& ops = totals.ops[op];
    ops.bytes = done ? out_.facts.size * w.loops : draw_.below(out_.facts.size);
    if (draw_.in(10)) ops.bytes -= std::min<std::uint64_t>(ops.bytes, 4096);
    ops.operations = ops.bytes / 65'536 + 1;
    if (draw_.in(6)) ops.errors[0] = draw_.below(4);
    if (draw_.in(20)) ops.errors[static_cast<std::size_t>(run::ErrorClass::host)] = 1;
    ops.latency = drawn_latency(draw_, ops.operations);
    totals.asked_for[op] = true;
    if (run::checks_anything(spec)) check(totals.verify, ops.bytes);
    const auto measured = static_cast<util::Nanos>(static_cast<double>(ops.bytes) / draw_.between(5e7, 2e8) * 1e9);
    figures.latency[op] = ops.latency;
    figures.bands[op] = drawn_bands(draw_, stage.range, draw_.in(3), w.loops > 1);
    stage.evidence = run::make_evidence(spec, plan, totals, measured, out_.facts.size, done);
    const auto& until = run::streams_of(spec).front().io.until;
    if (until) stage.evidence.steady = drawn_rounds(draw_, until->rule);
    stage.asked_for = totals.asked_for;
    stage.host_errors = ops.errors[static_cast<std::size_t>(run::ErrorClass::host)];
    stage.ops[op].bytes = ops.bytes;
    stage.ops[op].operations = ops.operations;
    stage.ops[op].errors = ops.error_count();
    static_cast<run::VerifyTotals&>(stage.verify) = totals.verify;
    out_.ops[op].bytes += ops.bytes;
    out_.ops[op].operations += ops.operations;
    out_.ops[op].errors += ops.error_count();
    out_.host_errors += stage.host_errors;
    out_.verify.merge(totals.verify);
  }

  void check(run::VerifyTotals& verify, std::uint64_t bytes) {
    verify.asked_for = true;
    verify.bytes = draw_.in(20) ? 0 : bytes;
    verify.blocks = bytes / 65'536;
    if (draw_.in(4)) verify.mismatches[draw_.below(verify::kKinds)] = 1 + draw_.below(3);
    verify.mismatched_bytes = verify.mismatch_count() * 4096;
    if (draw_.in(6)) verify.indeterminate_bytes = draw_.below(10'000);
    if (draw_.in(12)) verify.unread_bytes = 4096;
    if (draw_.in(12)) verify.untraced_bytes = 4096;
    if (draw_.in(12)) verify.host_faults[draw_.below(run::kHostFaults)] = 1;
    verify.unmarked = draw_.in(6);
  }

  Draw& draw_;
  const plan::JobSpec& spec_;
  const std::vector<plan::Leaf> leaves_;
  run::DeviceSnapshot out_;
  std::map<std::size_t, run::StageFigures> figures_;
};

}  // namespace

GeneratedJob generate_job(std::mt19937_64& random) {
  Draw draw(random);
  GeneratedJob out;
  const std::size_t count = draw.in(2) ? 1 : 1 + draw.below(7);
  out.spec = drawn_spec(draw, count);
  std::vector<run::DeviceSnapshot> devices;
  for (std::size_t i = 0; i < count; ++i) {
    auto [device, figures] = Walk(draw, out.spec, i).go();
    devices.push_back(std::move(device));
    out.figures.push_back(std::move(figures));
  }
  std::vector<const run::DeviceSnapshot*> all;
  for (const auto& device : devices) all.push_back(&device);
  out.peers = verdict::compare_peers(all);
  std::vector<verdict::Verdict> verdicts;
  for (std::size_t i = 0; i < count; ++i) {
    out.devices.push_back(verdict::judged(out.spec.criteria, std::move(devices[i]), out.peers[i]));
    verdicts.push_back(out.devices.back().verdict);
  }
  out.verdict = verdict::worst_of(verdicts);
  return out;
}

std::string document_of(const GeneratedJob& job, std::optional<std::size_t> only,
                        const std::optional<results::SigningKey>& key) {
  form::Json head = {{"id", "5b1e0f4a"},
                     {"run_id", "00112233-4455-6677-8899-aabbccddeeff"},
                     {"state", "SUCCEEDED"},
                     {"verdict", form::verdict_of(job.verdict)}};
  head.update(form::render_spec(job.spec));
  results::Writer writer(head, job.devices.size(), {"1.2.3", "abc", "host", "Linux"}, util::WallTime(), key);
  std::string out = writer.begin();
  const bool whole = only || job.devices.size() == 1;
  for (std::size_t i = only.value_or(0); i < (only ? *only + 1 : job.devices.size()); ++i) {
    out += writer.begin_device(results::render_device(job.devices[i], std::nullopt, job.peers[i]));
    for (std::size_t k = 0; k < job.devices[i].stages.size(); ++k) {
      const auto found = job.figures[i].find(k);
      const bool has_any = whole && found != job.figures[i].end();
      out += writer.stage(
          results::render_stage(job.devices[i].stages[k], has_any ? std::optional(found->second) : std::nullopt));
    }
    out += writer.end_device();
  }
  return out + writer.end();
}

}  // namespace spliced::testing
