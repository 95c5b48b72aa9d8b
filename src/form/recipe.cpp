// SPDX-License-Identifier: Apache-2.0
#include "recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>
#include <optional>

#include "criteria_form.h"
#include "json_object_reader.h"
#include "spliced/util/units.h"
#include "strict_json.h"

namespace spliced::form {

using nlohmann::json;
using util::Errc;
using util::FieldError;

namespace {

constexpr std::array<std::string_view, 8> kTypes{"integer",  "size",    "amount", "share",
                                                 "duration", "boolean", "string", "choice"};
constexpr const char* kIf = "$if";
constexpr const char* kThen = "$then";

// A value of a parameter, as it goes into the job, and as a number where it has bounds.
struct Value {
  json fitting;
  double number = 0;
  std::string misfit;  // what does not fit, in a few words; "" for what does
};

Value read_value(const std::string& type, const json& given) {
  Value out{given, 0, ""};
  const json holder = {{"value", given}};
  std::vector<FieldError> errors;
  JsonObjectReader fields(holder, "", errors);
  std::uint64_t number = 0;
  util::Nanos time = 0;
  std::optional<double> share;
  std::string text;
  bool flag = false;
  const bool is_share =
      type == "share" || (type == "amount" && given.is_string() && given.get<std::string>().ends_with('%'));
  if (given.is_null()) fields.wrong("value", "a value", given);
  if (type == "integer") fields.read("value", number);
  if (type == "size" || (type == "amount" && !is_share)) fields.read_size("value", number);
  if (type == "duration") fields.read_duration("value", time);
  if (is_share) read_share(fields, "value", share);
  if (type == "boolean") fields.read("value", flag);
  if (type == "string" || type == "choice") fields.read("value", text);
  if (!errors.empty()) {
    out.misfit = errors.front().detail;
    return out;
  }
  out.number = type == "duration" ? static_cast<double>(time) : share.value_or(static_cast<double>(number));
  if (share) out.fitting = format_share(*share);
  if (type == "integer") out.fitting = number;
  if (type == "size" && !given.is_string()) out.fitting = util::format_size(number);
  return out;
}

Value check_value(const json& parameter, const json& given) {
  const auto type = parameter.at("type").get<std::string>();
  Value out = read_value(type, given);
  if (!out.misfit.empty()) return out;
  if (type == "choice") {
    const json& choices = parameter.at("choices");
    if (std::find(choices.begin(), choices.end(), given) == choices.end())
      out.misfit = fmt::format("{} is given; one of {} is expected", quote(given), choices.dump());
  }
  for (const auto& [bound, sign] : {std::pair("minimum", 1), std::pair("maximum", -1)}) {
    if (!parameter.contains(bound)) continue;
    const Value limit = read_value(type, parameter.at(bound));
    if (!limit.misfit.empty()) throw std::runtime_error(fmt::format("the {}: {}", bound, limit.misfit));
    if ((out.number - limit.number) * sign >= 0) continue;
    out.misfit = fmt::format("{} is given; at {} {} is expected", quote(given), sign > 0 ? "least" : "most",
                             parameter.at(bound).dump());
  }
  return out;
}

std::string text_of_value(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

bool holds(const std::string& condition, const json& values) {
  if (condition.starts_with('!')) return !holds(condition.substr(1), values);
  const auto equals = condition.find('=');
  const json& value = values.at(condition.substr(0, equals));
  if (equals != condition.npos) return text_of_value(value) == condition.substr(equals + 1);
  return value.is_boolean() ? value.get<bool>() : value.is_number() ? value != 0 : value != "";
}

// Throws where it is neither a text nor an array of texts.
bool holds_all(const json& conditions, const json& values) {
  if (conditions.is_string()) return holds(conditions.get<std::string>(), values);
  if (!conditions.is_array() || conditions.empty())
    throw std::runtime_error("$if is neither a text nor an array of texts");
  return std::all_of(conditions.begin(), conditions.end(),
                     [&](const json& one) { return holds(one.get<std::string>(), values); });
}

bool is_there(const json& item, const json& values) {
  return !item.is_object() || !item.contains(kIf) || holds_all(item.at(kIf), values);
}

json filled(const std::string& text, const json& values) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '$') {
      out += text[i++];
      continue;
    }
    std::size_t end = i + 1;
    while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_')) ++end;
    const json& value = values.at(text.substr(i + 1, end - i - 1));
    if (i == 0 && end == text.size()) return value;
    out += text_of_value(value);
    i = end;
  }
  return out;
}

// `all`: also what is not there, so that what is wrong with it is found. Throws where a parameter is not known.
json filled(const json& part, const json& values, bool all) {
  if (part.is_string()) return filled(part.get<std::string>(), values);
  if (part.is_array()) {
    json out = json::array();
    for (const json& item : part) {
      if (const bool there = is_there(item, values); there || all) out.push_back(filled(item, values, all));
    }
    return out;
  }
  if (!part.is_object()) return part;
  json out = json::object();
  for (const auto& [key, value] : part.items()) {
    if (key == kIf) continue;
    const bool chosen = value.is_object() && value.contains(kIf) && value.contains(kThen);
    if (const bool there = is_there(value, values); there || all)
      out[key] = filled(chosen ? value.at(kThen) : value, values, all);
  }
  return out;
}

void check_parameter(const json& parameter) {
  const auto name = parameter.at("name").get<std::string>();
  const auto type = parameter.at("type").get<std::string>();
  if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end()) {
    throw std::runtime_error(fmt::format("the parameter {} has the type \"{}\"; one of {} is expected", name, type,
                                         fmt::join(kTypes, ", ")));
  }
  (void)parameter.at("description").get<std::string>();
  if (type == "choice" && !parameter.at("choices").is_array()) throw std::runtime_error(name + " has no choices");
  if (const Value usual = check_value(parameter, parameter.at("default")); !usual.misfit.empty())
    throw std::runtime_error(fmt::format("the default of {}: {}", name, usual.misfit));
}

struct Expanded {
  json job, parameters;  // each of these with its value
  std::vector<FieldError> errors;
};

Expanded expand(const std::string& name, const json& recipe, const json& given, bool all = false) {
  Expanded out{json(), json::object(), {}};
  std::vector<std::string> names;
  for (const json& parameter : recipe.value("parameters", json::array())) {
    const std::string& one = names.emplace_back(parameter.at("name").get<std::string>());
    Value value = check_value(parameter, given.contains(one) ? given.at(one) : parameter.at("default"));
    if (!value.misfit.empty()) out.errors.push_back({"/parameters/" + escape_token(one), std::move(value.misfit)});
    out.parameters[one] = std::move(value.fitting);
  }
  for (const auto& [key, value] : given.items()) {
    if (std::find(names.begin(), names.end(), key) != names.end()) continue;
    out.errors.push_back({"/parameters/" + escape_token(key),
                          fmt::format("the recipe {} has no such parameter; it has {}", name,
                                      names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")))});
  }
  if (out.errors.empty()) out.job = filled(recipe.at("job"), out.parameters, all);
  return out;
}

}  // namespace

util::Result<Recipe> Recipe::parse(std::string_view text) try {
  const auto document = parse_strict(text);
  if (!document) return tl::unexpected(document.error());
  Recipe out;
  out.text_ = text;
  out.name_ = document->at("name").get<std::string>();
  for (const char* key : {"title", "description"}) (void)document->at(key).get<std::string>();
  for (const json& parameter : document->value("parameters", json::array())) check_parameter(parameter);
  if (!expand(out.name_, *document, json::object(), true).job.is_object())
    throw std::runtime_error("\"job\" is no object");
  return out;
} catch (const std::exception& error) {
  return util::fail(Errc::invalid, error.what());
}

void Recipe::apply(json& definition, std::vector<FieldError>& errors) const try {
  for (const char* own : {"workload", "stages"}) {
    if (definition.contains(own))
      errors.push_back({fmt::format("/{}", own), "a recipe has stages of its own; leave these out, or the recipe"});
  }
  json given = definition.value("parameters", json());
  if (given.is_null()) given = json::object();
  if (!given.is_object())
    errors.push_back({"/parameters", fmt::format("{} is given; an object is expected", quote(given))});
  if (!errors.empty()) return;
  Expanded expanded = expand(name_, json::parse(text_), given);
  errors = std::move(expanded.errors);
  if (!errors.empty()) return;
  json job = std::move(expanded.job);
  for (const auto& [key, value] : definition.items()) {
    if (key == "criteria" && value.is_object() && job.contains(key)) {
      job[key].update(value);
    } else {
      job[key] = value;
    }
  }
  job["parameters"] = std::move(expanded.parameters);
  definition = std::move(job);
} catch (const std::exception& error) {
  errors.push_back({"/recipe", fmt::format("the recipe {} is broken: {}", name_, error.what())});
}

void apply_recipe(const RecipeBook& book, json& definition, std::vector<FieldError>& errors) {
  const auto named = definition.find("recipe");
  if (named == definition.end() || named->is_null()) return;
  const Recipe* recipe = named->is_string() ? book.find(named->get<std::string>()) : nullptr;
  if (recipe != nullptr) return recipe->apply(definition, errors);
  std::vector<std::string_view> names;
  for (const auto& [name, known] : book.all()) names.push_back(name);
  errors.push_back(
      {"/recipe", fmt::format("{} is given; one of {} is expected", quote(*named), fmt::join(names, ", "))});
}

}  // namespace spliced::form
