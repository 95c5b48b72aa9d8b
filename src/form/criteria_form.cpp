// SPDX-License-Identifier: Apache-2.0
#include "criteria_form.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <tuple>

#include "figures_reader.h"
#include "spliced/util/names.h"
#include "spliced/util/units.h"

namespace spliced::form {
namespace {

using run::LatencyLimit;
using run::LeastRate;
using run::StageCriteria;

constexpr std::size_t kMostDecimals = 4;
constexpr std::array<const char*, 3> kDirections{"read", "write", "trim"};

// "p50" to "p99.9999", "max" and "mean"; none of anything else.
std::optional<double> quantile_of(std::string_view name) {
  if (name == "max") return LatencyLimit::kMax;
  if (name == "mean") return LatencyLimit::kMean;
  if (name.size() < 2 || name[0] != 'p' || name.find_first_not_of("0123456789.", 1) != std::string_view::npos)
    return {};
  const std::string_view digits = name.substr(1);
  const std::size_t point = digits.find('.');
  if (point != std::string_view::npos && (point + 1 == digits.size() || digits.size() - point - 1 > kMostDecimals))
    return {};
  double percent = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), percent);
  if (error != std::errc{} || end != digits.data() + digits.size() || !(percent > 0 && percent < 100)) return {};
  return percent / 100;
}

void read_count(JsonObjectReader& fields, const char* key, std::optional<std::uint64_t>& out, bool size = false) {
  const nlohmann::json* value = fields.find(key);
  if (value == nullptr || value->is_null()) return;
  size ? fields.read_size(key, out.emplace()) : fields.read(key, out.emplace());
}

void read_stop(JsonObjectReader& fields, run::StopRule& out) {
  fields.read("stop", out.stop);
  fields.read_duration("cycle", out.cycle);
  if (out.cycle < util::kSecond / 10) fields.error("cycle", "less than 100ms says nothing; give 100ms or more");
}

void read_limits(JsonObjectReader& fields, const nlohmann::json& limits, util::OpClass op,
                 std::vector<LatencyLimit>& out) {
  for (const auto& [name, value] : limits.items()) {
    const auto quantile = quantile_of(name);
    if (!quantile) {
      (void)fields.find(name.c_str());
      fields.error(name.c_str(),
                   fmt::format("\"{}\" is no percentile; \"p50\" to \"p99.9999\", \"max\" and \"mean\" are", name));
      continue;
    }
    LatencyLimit limit{op, name, *quantile, 0};
    fields.read_duration(name.c_str(), limit.most);
    if (limit.most == 0) fields.error(name.c_str(), "0 is given; a time above 0 is expected, such as \"10ms\"");
    out.push_back(std::move(limit));
  }
}

void read_latency(JsonObjectReader& fields, StageCriteria& out) {
  for (std::size_t i = 0; i < kDirections.size(); ++i) {
    const nlohmann::json* limits = fields.find(kDirections[i]);
    fields.nested(kDirections[i], [&](JsonObjectReader& inner) {
      read_limits(inner, *limits, static_cast<util::OpClass>(i), out.latency);
    });
  }
  std::stable_sort(out.latency.begin(), out.latency.end(), [](const LatencyLimit& a, const LatencyLimit& b) {
    return std::tie(a.op, a.quantile) < std::tie(b.op, b.quantile);
  });
  read_stop(fields, out.latency_stop);
}

void read_min_rate(JsonObjectReader& fields, StageCriteria& out) {
  for (std::size_t i = 0; i < kDirections.size(); ++i) {
    if (fields.find(kDirections[i]) == nullptr) continue;
    LeastRate rate{static_cast<util::OpClass>(i), 0};
    fields.read_size(kDirections[i], rate.bytes_per_second);
    if (rate.bytes_per_second == 0) fields.error(kDirections[i], "0 is given; bytes per second above 0 are expected");
    out.min_rate.push_back(rate);
  }
  fields.read("per_tb", out.per_tb);
  read_stop(fields, out.rate_stop);
}

Json share_or_null(const std::optional<double>& value) {
  return value ? Json(format_share(*value)) : Json();
}
Json count_or_null(const std::optional<std::uint64_t>& value) {
  return value ? Json(*value) : Json();
}

// Counts are whole numbers.
Json number(std::string_view name, double value) {
  const std::string_view unit = verdict::criterion_unit(name);
  if (unit == "ratio" || unit == "seconds" || unit == "bytes_per_second") return value;
  return static_cast<std::uint64_t>(value);
}

void add_stop(const run::StopRule& rule, Json& out) {
  out["stop"] = rule.stop;
  out["cycle"] = util::format_duration(rule.cycle);
}

}  // namespace

namespace {

std::optional<double> parse_share(const std::string& text) {
  double given = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), given);
  const bool is_percentage = error == std::errc{} && std::string_view(end, text.data() + text.size()) == "%";
  if (!is_percentage || !(given >= 0 && given <= 100)) return std::nullopt;
  return given / 100;
}

}  // namespace

void read_share(JsonObjectReader& fields, const char* key, std::optional<double>& out) {
  const nlohmann::json* value = fields.find(key);
  if (value == nullptr || value->is_null()) return;
  std::optional<double> given;
  if (value->is_number()) given = value->get<double>();
  if (value->is_string()) given = parse_share(value->get<std::string>());
  if (!given || !(*given >= 0 && *given <= 1)) return fields.wrong(key, "a share such as \"12%\" or 0.12", *value);
  out = given;
}

std::string format_share(double value) {
  return fmt::format("{:.10g}%", value * 100);
}

namespace {

constexpr std::string_view kIfMeasurable = " if measurable";

// "12%", which must be measured, or "12% if measurable".
void read_share_if(JsonObjectReader& fields, const char* key, std::optional<double>& out, bool& if_measurable) {
  const nlohmann::json* value = fields.find(key);
  const std::string text = value != nullptr && value->is_string() ? value->get<std::string>() : "";
  if_measurable = text.ends_with(kIfMeasurable);
  if (!if_measurable) return read_share(fields, key, out);
  out = parse_share(text.substr(0, text.size() - kIfMeasurable.size()));
  if (!out) fields.wrong(key, "a share such as \"12%\" or \"12% if measurable\"", *value);
}

Json share_if(const std::optional<double>& value, bool if_measurable) {
  if (!value) return nullptr;
  return format_share(*value) + (if_measurable ? std::string(kIfMeasurable) : "");
}

}  // namespace

void read_stage_criteria(JsonObjectReader& fields, StageCriteria& out) {
  const auto is_given = [&fields](const char* key) {
    const nlohmann::json* value = fields.find(key);
    return value != nullptr && !value->is_null();
  };
  if (is_given("latency")) fields.nested("latency", [&](JsonObjectReader& inner) { read_latency(inner, out); });
  if (is_given("min_rate")) fields.nested("min_rate", [&](JsonObjectReader& inner) { read_min_rate(inner, out); });
}

// null, as it is shown, for one that is left to what is measured.
void read_criteria(JsonObjectReader& fields, plan::Criteria& out) {
  fields.read("max_io_errors", out.max_io_errors);
  read_count(fields, "max_mismatches", out.max_mismatches);
  read_count(fields, "max_indeterminate", out.max_indeterminate, true);
  read_share(fields, "min_coverage", out.min_coverage);
  read_share_if(fields, "max_slow_zone", out.max_slow_zone, out.slow_zone_if_measurable);
  read_share_if(fields, "max_peer_deviation", out.max_peer_deviation, out.peers_if_measurable);
  if (const nlohmann::json* steady = fields.find("steady"); steady != nullptr && !steady->is_null())
    fields.read_name("steady", plan::kSteadyNames, out.steady);
  read_stage_criteria(fields, out.stages);
}

Json render_stage_criteria(const StageCriteria& criteria) {
  Json out = {{"latency", nullptr}, {"min_rate", nullptr}};
  if (!criteria.latency.empty()) {
    Json& latency = out["latency"];
    for (const LatencyLimit& limit : criteria.latency)
      latency[kDirections.at(static_cast<std::size_t>(limit.op))][limit.name] = util::format_duration(limit.most);
    add_stop(criteria.latency_stop, latency);
  }
  if (!criteria.min_rate.empty()) {
    Json& rates = out["min_rate"];
    for (const LeastRate& rate : criteria.min_rate)
      rates[kDirections.at(static_cast<std::size_t>(rate.op))] = util::format_size(rate.bytes_per_second);
    rates["per_tb"] = criteria.per_tb;
    add_stop(criteria.rate_stop, rates);
  }
  return out;
}

Json render_criteria(const plan::Criteria& criteria) {
  Json out = {{"max_io_errors", criteria.max_io_errors},
              {"max_mismatches", count_or_null(criteria.max_mismatches)},
              {"max_indeterminate", count_or_null(criteria.max_indeterminate)},
              {"min_coverage", share_or_null(criteria.min_coverage)},
              {"max_slow_zone", share_if(criteria.max_slow_zone, criteria.slow_zone_if_measurable)},
              {"max_peer_deviation", share_if(criteria.max_peer_deviation, criteria.peers_if_measurable)},
              {"steady", plan::kSteadyNames[static_cast<std::size_t>(criteria.steady)]}};
  out.update(render_stage_criteria(criteria.stages));
  return out;
}

Json render_criteria(const std::vector<verdict::CriterionResult>& results) {
  Json list = Json::array();
  for (const auto& one : results) {
    const auto state = static_cast<std::size_t>(one.state);
    Json out = {{"name", one.name},
                {"stage", nullptr},
                {"limit", number(one.name, one.limit)},
                {"measured", nullptr},
                {"unit", verdict::criterion_unit(one.name)},
                {"result", verdict::kCriterionStateNames[state]},
                {"met", nullptr},
                {"required", one.required},
                {"note", nullptr}};
    if (!one.stage.empty()) out["stage"] = one.stage;
    if (one.measured) out["measured"] = number(one.name, *one.measured);
    if (one.state == verdict::CriterionState::met) out["met"] = true;
    if (one.state == verdict::CriterionState::not_met) out["met"] = false;
    if (!one.note.empty()) out["note"] = one.note;
    list.push_back(std::move(out));
  }
  return list;
}

// An earlier version told counts alone, and whether they were met.
std::vector<verdict::CriterionResult> read_criteria(const Json& list) {
  std::vector<verdict::CriterionResult> out;
  for (const Json& one : list) {
    verdict::CriterionResult result;
    read_member(one, "name", result.name);
    if (verdict::criterion_unit(result.name).empty()) continue;
    read_member(one, "stage", result.stage);
    read_member(one, "limit", result.limit);
    read_member(one, "measured", result.measured);
    read_member(one, "required", result.required);
    read_member(one, "note", result.note);
    bool met = true;
    read_member(one, "met", met);
    result.state = met ? verdict::CriterionState::met : verdict::CriterionState::not_met;
    std::string state;
    read_member(one, "result", state);
    result.state = util::named(verdict::kCriterionStateNames, state, result.state);
    out.push_back(std::move(result));
  }
  return out;
}

}  // namespace spliced::form
