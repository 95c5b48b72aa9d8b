// SPDX-License-Identifier: Apache-2.0
#include "evidence_form.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "figures_reader.h"
#include "spliced/util/names.h"

namespace spliced::form {
namespace {

Json or_null(const std::optional<double>& value) {
  return value ? Json(*value) : Json();
}

std::vector<double> numbers_in(const Json& list) {
  std::vector<double> out;
  for (const Json& one : list) {
    if (one.is_number()) out.push_back(one.get<double>());
  }
  return out;
}

run::SteadyResult read_steady(const Json& from) {
  run::SteadyResult out;
  read_member(from, "of", out.of);
  read_member(from, "steady", out.steady);
  out.rounds = numbers_in(array_in(from, "rounds"));
  figures::SteadyWindow& window = out.window;
  read_member(from, "mean", window.mean);
  read_member(from, "low", window.low);
  read_member(from, "high", window.high);
  read_member(from, "slope", window.slope);
  read_member(from, "intercept", window.intercept);
  read_member(from, "range_ok", window.range_ok);
  read_member(from, "slope_ok", window.slope_ok);
  read_member(from, "left_after_seconds", out.left);
  return out;
}

}  // namespace

Json render_steady(const std::optional<run::SteadyResult>& steady) {
  if (!steady) return nullptr;
  const figures::SteadyWindow& window = steady->window;
  return {{"of", steady->of},
          {"steady", steady->steady},
          {"rounds", steady->rounds},
          {"mean", window.mean},
          {"low", window.low},
          {"high", window.high},
          {"slope", window.slope},
          {"intercept", window.intercept},
          {"range_ok", window.range_ok},
          {"slope_ok", window.slope_ok},
          {"left_after_seconds", or_null(steady->left)}};
}

Json render_evidence(const run::StageEvidence& evidence) {
  Json measures = Json::array();
  for (const run::StageMeasure& one : evidence.measures) {
    measures.push_back({{"name", one.name},
                        {"at_least", one.at_least},
                        {"limit", one.limit},
                        {"value", or_null(one.value)},
                        {"missing", one.missing}});
  }
  return {{"offset_bytes", evidence.range.offset},
          {"size_bytes", evidence.range.size},
          {"measured_ns", static_cast<std::uint64_t>(std::max<util::Nanos>(0, evidence.measured))},
          {"done", evidence.done},
          {"changes", evidence.changes},
          {"checks", evidence.checks},
          {"judged_bytes", evidence.judged_bytes},
          {"visited_bytes", evidence.visited_bytes},
          {"rates", evidence.rates},
          {"measures", std::move(measures)},
          {"steady", render_steady(evidence.steady)}};
}

run::StageEvidence read_evidence(const Json& from) {
  run::StageEvidence out;
  read_member(from, "offset_bytes", out.range.offset);
  read_member(from, "size_bytes", out.range.size);
  std::uint64_t measured = 0;
  read_member(from, "measured_ns", measured);
  out.measured = static_cast<util::Nanos>(measured);
  read_member(from, "done", out.done);
  read_member(from, "changes", out.changes);
  read_member(from, "checks", out.checks);
  read_member(from, "judged_bytes", out.judged_bytes);
  read_member(from, "visited_bytes", out.visited_bytes);
  const std::vector<double> rates = numbers_in(array_in(from, "rates"));
  std::copy_n(rates.begin(), std::min(rates.size(), out.rates.size()), out.rates.begin());
  for (const Json& one : array_in(from, "measures")) {
    run::StageMeasure& measure = out.measures.emplace_back();
    read_member(one, "name", measure.name);
    read_member(one, "at_least", measure.at_least);
    read_member(one, "limit", measure.limit);
    read_member(one, "value", measure.value);
    read_member(one, "missing", measure.missing);
  }
  if (const Json& steady = object_in(from, "steady"); !steady.empty()) out.steady = read_steady(steady);
  return out;
}

Json render_zones(const run::ZoneReport& zones) {
  Json list = Json::array();
  for (const run::SlowZone& zone : zones.zones) {
    list.push_back({{"op", util::kOpClassNames[static_cast<std::size_t>(zone.op)]},
                    {"offset_bytes", zone.offset},
                    {"size_bytes", zone.length},
                    {"bytes_per_second", zone.bytes_per_second},
                    {"expected_bytes_per_second", zone.expected}});
  }
  return {{"worst", or_null(zones.worst)}, {"missing", zones.missing}, {"zones", std::move(list)}};
}

run::ZoneReport read_zones(const Json& from) {
  run::ZoneReport out;
  read_member(from, "worst", out.worst);
  read_member(from, "missing", out.missing);
  for (const Json& one : array_in(from, "zones")) {
    run::SlowZone& zone = out.zones.emplace_back();
    std::string op;
    read_member(one, "op", op);
    zone.op = util::named(util::kOpClassNames, op, zone.op);
    read_member(one, "offset_bytes", zone.offset);
    read_member(one, "size_bytes", zone.length);
    read_member(one, "bytes_per_second", zone.bytes_per_second);
    read_member(one, "expected_bytes_per_second", zone.expected);
  }
  return out;
}

}  // namespace spliced::form
