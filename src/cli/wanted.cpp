// SPDX-License-Identifier: Apache-2.0
#include "wanted.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace spliced::cli {

using nlohmann::json;
using util::Errc;
using util::fail;

namespace {

// A number, true and false are what they look like; anything else is a text.
json value_of(const std::string& text) {
  json value = json::parse(text, nullptr, false);
  return value.is_number() || value.is_boolean() ? value : json(text);
}

}  // namespace

util::Result<std::string> read_file(const std::string& file) {
  if (file == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::ifstream in(file);
  // Opening a directory works; only reading from it does not.
  if (!in || (in.peek() == std::ifstream::traits_type::eof() && in.bad())) {
    return fail(Errc::invalid, fmt::format("{}: cannot be read", file));
  }
  return std::string(std::istreambuf_iterator<char>(in), {});
}

util::Result<std::string> definition_of(const Wanted& wanted) {
  if (wanted.recipe.empty()) {
    const bool more = !wanted.settings.empty() || !wanted.confirm.empty() || !wanted.overwrite.empty() ||
                      !wanted.name.empty() || wanted.destructive || wanted.queue;
    if (more) return fail(Errc::invalid, "without --recipe, all that a job is stands in its file");
    if (wanted.words.size() != 1)
      return fail(Errc::invalid,
                  fmt::format("{} files are given; without --recipe one is expected", wanted.words.size()));
    return read_file(wanted.words.front());
  }
  json out = {{"recipe", wanted.recipe}, {"parameters", json::object()}, {"targets", json::array()}};
  std::error_code ignored;
  for (const std::string& word : wanted.words)
    out["targets"].push_back(std::filesystem::absolute(word, ignored).string());
  for (const std::string& setting : wanted.settings) {
    const auto equals = setting.find('=');
    if (equals == setting.npos || equals == 0)
      return fail(Errc::invalid, fmt::format("--set {}: NAME=VALUE is expected", setting));
    out["parameters"][setting.substr(0, equals)] = value_of(setting.substr(equals + 1));
  }
  if (!wanted.name.empty()) out["name"] = wanted.name;
  if (!wanted.confirm.empty()) out["confirm"] = wanted.confirm;
  if (!wanted.overwrite.empty()) out["overwrite_signatures"] = wanted.overwrite;
  if (wanted.destructive) out["destructive"] = true;
  if (wanted.queue) out["queue"] = true;
  return out.dump();
}

}  // namespace spliced::cli
