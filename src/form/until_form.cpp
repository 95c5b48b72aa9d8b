// SPDX-License-Identifier: Apache-2.0
#include "until_form.h"

#include <array>
#include <nlohmann/json.hpp>

#include "criteria_form.h"
#include "spliced/util/units.h"

namespace spliced::form {
namespace {

constexpr std::array<std::string_view, 3> kFollowed{"read", "write", "trim"};

void read_steady(JsonObjectReader& fields, run::UntilSteady& out) {
  fields.read_name("of", run::kSteadyOfNames, out.of);
  const nlohmann::json* direction = fields.find("direction");
  if (direction != nullptr && !direction->is_null()) fields.read_name("direction", kFollowed, out.op.emplace());
  fields.read_duration("round", out.round);
  fields.read("window", out.rule.window);
  std::optional<double> range = out.rule.range, slope = out.rule.slope;
  read_share(fields, "range", range);
  read_share(fields, "slope", slope);
  out.rule.range = *range;
  out.rule.slope = *slope;
  fields.read("max_rounds", out.rule.max_rounds);
  fields.read("hold", out.hold);
}

}  // namespace

void read_until(JsonObjectReader& fields, std::optional<run::UntilSteady>& out) {
  const nlohmann::json* value = fields.find("until");
  if (value == nullptr || value->is_null()) return;
  fields.nested("until", [&](JsonObjectReader& inner) {
    if (inner.find("steady") == nullptr) inner.error("an until needs \"steady\"");
    inner.nested("steady", [&](JsonObjectReader& steady) { read_steady(steady, out.emplace()); });
  });
}

nlohmann::ordered_json render_until(const std::optional<run::UntilSteady>& until) {
  if (!until) return nullptr;
  Json steady = {{"of", run::kSteadyOfNames[static_cast<std::size_t>(until->of)]},
                 {"direction", nullptr},
                 {"round", util::format_duration(until->round)},
                 {"window", until->rule.window},
                 {"range", format_share(until->rule.range)},
                 {"slope", format_share(until->rule.slope)},
                 {"max_rounds", until->rule.max_rounds},
                 {"hold", until->hold}};
  if (until->op) steady["direction"] = kFollowed.at(static_cast<std::size_t>(*until->op));
  return {{"steady", std::move(steady)}};
}

}  // namespace spliced::form
