// SPDX-License-Identifier: Apache-2.0
#include "json_object_reader.h"

#include <fmt/format.h>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>
#include <optional>

#include "key_hints.h"

namespace spliced::form {

using nlohmann::json;

namespace {

// Also one that is written as 4096.0 or 1e6 (JSON Schema 2020-12, 6.1.1), as far as a double holds every whole number.
std::optional<std::uint64_t> whole_number(const json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  constexpr double kExact = 1ULL << 53;
  const double number = value.is_number_float() ? value.get<double>() : -1;
  if (!(number >= 0 && number <= kExact) || number != std::floor(number)) return std::nullopt;
  return static_cast<std::uint64_t>(number);
}

}  // namespace

std::string quote(const json& value) {
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  constexpr std::size_t kMax = 80;
  return text.size() > kMax ? text.substr(0, kMax) + "…" : text;
}

JsonObjectReader::JsonObjectReader(const json& object, std::string pointer, std::vector<util::FieldError>& errors)
    : object_(object), pointer_(std::move(pointer)), errors_(errors) {}

const json* JsonObjectReader::find(const char* key) {
  known_.insert(key);
  const auto found = object_.find(key);
  return found == object_.end() ? nullptr : &*found;
}

void JsonObjectReader::wrong(const char* key, std::string_view expected, const json& found) {
  error(key, fmt::format("{} is given; {} is expected", quote(found), expected));
}

void JsonObjectReader::read(const char* key, bool& out) {
  const json* value = find(key);
  if (value == nullptr) return;
  value->is_boolean() ? void(out = value->get<bool>()) : wrong(key, "true or false", *value);
}

void JsonObjectReader::read(const char* key, std::string& out) {
  const json* value = find(key);
  if (value == nullptr) return;
  value->is_string() ? void(out = value->get<std::string>()) : wrong(key, "a string", *value);
}

void JsonObjectReader::read(const char* key, std::vector<std::string>& out) {
  const json* value = find(key);
  if (value == nullptr) return;
  if (!value->is_array()) return wrong(key, "an array of strings", *value);
  out.clear();
  // An item that is no string leaves an empty place, so that later ones keep their index in what is said of them.
  for (std::size_t i = 0; i < value->size(); ++i) {
    const json& item = (*value)[i];
    out.push_back(item.is_string() ? item.get<std::string>() : "");
    if (!item.is_string()) {
      errors_.push_back(
          {fmt::format("{}/{}", at(key), i), fmt::format("{} is given; a string is expected", quote(item))});
    }
  }
}

void JsonObjectReader::read(const char* key, std::uint64_t& out) {
  const json* value = find(key);
  if (value == nullptr) return;
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  const auto number = whole_number(*value);
  if (!number || *number > kMax) return wrong(key, "a whole number from 0 to 2^63-1", *value);
  out = *number;
}

void JsonObjectReader::read_seed(const char* key, std::uint64_t& out) {
  const json* value = find(key);
  if (value == nullptr) return;
  const auto number = whole_number(*value);
  number ? void(out = *number) : wrong(key, "a whole number from 0 to 2^64-1", *value);
}

void JsonObjectReader::read(const char* key, unsigned& out) {
  const json* value = find(key);
  if (value == nullptr) return;
  const auto number = whole_number(*value);
  if (!number || *number > std::numeric_limits<unsigned>::max()) {
    return wrong(key, "a whole number from 0 to 2^32-1", *value);
  }
  out = static_cast<unsigned>(*number);
}

void JsonObjectReader::read_size(const char* key, std::uint64_t& out) {
  const json* value = find(key);
  if (value == nullptr) return;
  if (!value->is_string()) return read(key, out);
  const auto size = util::parse_size(value->get_ref<const std::string&>());
  size ? void(out = *size) : error(key, size.error().message);
}

void JsonObjectReader::read_duration(const char* key, util::Nanos& out) {
  const json* value = find(key);
  if (value == nullptr) return;
  if (!value->is_string() && !value->is_number()) return wrong(key, "a duration such as \"30s\"", *value);
  const auto duration = value->is_string() ? util::parse_duration(value->get_ref<const std::string&>())
                                           : util::seconds_to_nanos(value->get<double>());
  duration ? void(out = *duration) : error(key, duration.error().message);
}

void JsonObjectReader::nested(const char* key, const std::function<void(JsonObjectReader&)>& read) {
  const json* value = find(key);
  if (value == nullptr) return;
  if (!value->is_object()) return wrong(key, "an object", *value);
  JsonObjectReader fields(*value, at(key), errors_);
  read(fields);
  fields.finish();
}

void JsonObjectReader::nested_list(const char* key, const std::function<void(JsonObjectReader&, std::size_t)>& read) {
  const json* value = find(key);
  if (value == nullptr) return;
  if (!value->is_array()) return wrong(key, "an array of objects", *value);
  for (std::size_t i = 0; i < value->size(); ++i) {
    const json& item = (*value)[i];
    const std::string pointer = fmt::format("{}/{}", at(key), i);
    if (!item.is_object()) {
      errors_.push_back({pointer, fmt::format("{} is given; an object is expected", quote(item))});
      continue;
    }
    JsonObjectReader fields(item, pointer, errors_);
    read(fields, i);
    fields.finish();
  }
}

std::optional<std::size_t> JsonObjectReader::read_index(const char* key, std::span<const std::string_view> names) {
  const json* value = find(key);
  if (value == nullptr) return std::nullopt;
  for (std::size_t i = 0; i < names.size() && value->is_string(); ++i) {
    if (value->get_ref<const std::string&>() == names[i]) return i;
  }
  wrong(key, fmt::format("one of {}", fmt::join(names, ", ")), *value);
  return std::nullopt;
}

void JsonObjectReader::finish() {
  for (const auto& [key, value] : object_.items()) {
    if (known_.contains(key)) continue;
    const std::string hint = key_hint(pointer_, key);
    errors_.push_back({at(key), hint.empty() ? fmt::format("unknown key; known are {}", fmt::join(known_, ", "))
                                             : fmt::format("unknown key: {}", hint)});
  }
}

}  // namespace spliced::form
