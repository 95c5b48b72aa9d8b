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

namespace spliced::api {

using nlohmann::json;
using util::Errc;
using util::FieldError;

namespace {

constexpr std::array<std::string_view, 7> kTypes{"integer", "size", "share", "duration", "boolean", "string", "choice"};

// What does not fit, in a few words; "" for what does.
std::string misfit(const json& parameter, const json& value) {
  const auto type = parameter.at("type").get<std::string>();
  json holder = {{"value", value}};
  std::vector<FieldError> errors;
  JsonObjectReader fields(holder, "", errors);
  std::uint64_t number = 0;
  util::Nanos time = 0;
  std::optional<double> share;
  std::string text;
  bool flag = false;
  if (type == "integer") fields.read("value", number);
  if (type == "size") fields.read_size("value", number);
  if (type == "duration") fields.read_duration("value", time);
  if (type == "share") read_share(fields, "value", share);
  if (type == "boolean") fields.read("value", flag);
  if (type == "string" || type == "choice") fields.read("value", text);
  if (!errors.empty()) return errors.front().detail;
  if (type == "choice" &&
      std::find(parameter.at("choices").begin(), parameter.at("choices").end(), value) == parameter.at("choices").end())
    return fmt::format("{} is given; one of {} is expected", quote(value), parameter.at("choices").dump());
  for (const auto& [bound, sign] : {std::pair("minimum", 1), std::pair("maximum", -1)}) {
    if (!parameter.contains(bound)) continue;
    double limit = 0, given = static_cast<double>(number);
    if (type == "duration") {
      limit = static_cast<double>(util::parse_duration(parameter.at(bound).get<std::string>()).value_or(0));
      given = static_cast<double>(time);
    } else {
      limit = parameter.at(bound).get<double>();
    }
    if ((given - limit) * sign < 0)
      return fmt::format("{} is given; at {} {} is expected", quote(value), sign > 0 ? "least" : "most",
                         parameter.at(bound).dump());
  }
  return "";
}

bool holds(const std::string& condition, const json& values) {
  if (condition.starts_with('!')) return !holds(condition.substr(1), values);
  const auto equals = condition.find('=');
  const json& value = values.at(condition.substr(0, equals));
  if (equals != condition.npos) return value.is_string() && value.get<std::string>() == condition.substr(equals + 1);
  return value.is_boolean() ? value.get<bool>() : value.is_number() ? value != 0 : value != "";
}

bool is_there(const json& item, const json& values) {
  if (!item.is_object() || !item.contains("$if")) return true;
  const json& conditions = item.at("$if");
  if (conditions.is_string()) return holds(conditions.get<std::string>(), values);
  return std::all_of(conditions.begin(), conditions.end(),
                     [&](const json& one) { return holds(one.get<std::string>(), values); });
}

std::string text_of_value(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
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

// Throws json::exception where a parameter is not known.
json filled(const json& part, const json& values) {
  if (part.is_string()) return filled(part.get<std::string>(), values);
  if (part.is_array()) {
    json out = json::array();
    for (const json& item : part) {
      if (is_there(item, values)) out.push_back(filled(item, values));
    }
    return out;
  }
  if (!part.is_object()) return part;
  json out = json::object();
  for (const auto& [key, value] : part.items()) {
    if (key != "$if") out[key] = filled(value, values);
  }
  return out;
}

void check_parameter(const json& parameter) {
  const auto name = parameter.at("name").get<std::string>();
  const auto type = parameter.at("type").get<std::string>();
  if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end())
    throw std::runtime_error(fmt::format("the parameter {} has the type \"{}\"; one of {} is expected", name, type,
                                         fmt::join(kTypes, ", ")));
  (void)parameter.at("description").get<std::string>();
  if (type == "choice" && !parameter.at("choices").is_array()) throw std::runtime_error(name + " has no choices");
  if (const std::string wrong = misfit(parameter, parameter.at("default")); !wrong.empty())
    throw std::runtime_error(fmt::format("the default of {}: {}", name, wrong));
}

struct Expanded {
  json job, parameters;  // each of these with its value
  std::vector<FieldError> errors;
};

Expanded expand(const std::string& name, const json& recipe, const json& given) {
  Expanded out{json(), json::object(), {}};
  std::vector<std::string> names;
  for (const json& parameter : recipe.value("parameters", json::array())) {
    const std::string& one = names.emplace_back(parameter.at("name").get<std::string>());
    const json& value = given.contains(one) ? given.at(one) : parameter.at("default");
    if (std::string wrong = misfit(parameter, value); !wrong.empty())
      out.errors.push_back({"/parameters/" + escape_token(one), std::move(wrong)});
    out.parameters[one] = value;
  }
  for (const auto& [key, value] : given.items()) {
    if (std::find(names.begin(), names.end(), key) != names.end()) continue;
    out.errors.push_back({"/parameters/" + escape_token(key),
                          fmt::format("the recipe {} has no such parameter; it has {}", name,
                                      names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")))});
  }
  if (out.errors.empty()) out.job = filled(recipe.at("job"), out.parameters);
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
  if (!expand(out.name_, *document, json::object()).job.is_object()) throw std::runtime_error("\"job\" is no object");
  return out;
} catch (const std::exception& error) {
  return util::fail(Errc::invalid, error.what());
}

void Recipe::apply(json& definition, std::vector<FieldError>& errors) const {
  for (const char* own : {"workload", "stages"}) {
    if (definition.contains(own))
      errors.push_back({fmt::format("/{}", own), "a recipe has stages of its own; leave these out, or the recipe"});
  }
  const json given = definition.value("parameters", json::object());
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

}  // namespace spliced::api
