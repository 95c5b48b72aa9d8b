// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spliced/util/result.h"
#include "spliced/util/units.h"
#include "strict_json.h"

namespace spliced::form {

// Reads the members of one JSON object into variables. A member that is absent leaves its variable as it is; one that
// is wrong, or that nobody asked for, becomes an error with its pointer. All errors are gathered.
class JsonObjectReader {
 public:
  JsonObjectReader(const nlohmann::json& object, std::string pointer, std::vector<util::FieldError>& errors);

  void read(const char* key, bool& out);
  void read(const char* key, std::string& out);
  void read(const char* key, std::vector<std::string>& out);
  void read(const char* key, std::uint64_t& out);       // a whole number, 0 to 2^63-1
  void read_seed(const char* key, std::uint64_t& out);  // likewise, to 2^64-1
  void read(const char* key, unsigned& out);
  void read_size(const char* key, std::uint64_t& out);
  void read_duration(const char* key, util::Nanos& out);

  // The member, or nullptr; counts as asked for. For what has a notation of its own.
  [[nodiscard]] const nlohmann::json* find(const char* key);
  // Reads a nested object; `read` is called with a reader of it when it is there.
  void nested(const char* key, const std::function<void(JsonObjectReader&)>& read);
  // Reads an array of objects; `read` is called with a reader of each, and its index.
  void nested_list(const char* key, const std::function<void(JsonObjectReader&, std::size_t)>& read);
  // One of a table of names.
  template <class Enum, class Names>
  void read_name(const char* key, const Names& names, Enum& out) {
    if (const auto index = read_index(key, names)) out = static_cast<Enum>(*index);
  }

  void wrong(const char* key, std::string_view expected, const nlohmann::json& found);
  void error(const char* key, std::string detail) { errors_.push_back({at(key), std::move(detail)}); }
  // Of the object as a whole.
  void error(std::string detail) { errors_.push_back({pointer_, std::move(detail)}); }
  // Complains about members that nobody asked for.
  void finish();

 private:
  [[nodiscard]] std::optional<std::size_t> read_index(const char* key, std::span<const std::string_view> names);
  [[nodiscard]] std::string at(std::string_view key) const { return pointer_ + "/" + escape_token(key); }

  const nlohmann::json& object_;
  std::string pointer_;
  std::vector<util::FieldError>& errors_;
  std::set<std::string> known_;
};

// A value as it is quoted in a message: JSON, cut to a bearable length.
[[nodiscard]] std::string quote(const nlohmann::json& value);

}  // namespace spliced::form
