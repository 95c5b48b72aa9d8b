// SPDX-License-Identifier: Apache-2.0
#include "router.h"

#include <fmt/format.h>

#include <set>

namespace spliced::http {

bool match_path(std::string_view pattern, std::string_view path, std::map<std::string, std::string>& values) {
  while (!pattern.empty()) {
    if (pattern.front() != '{') {
      if (path.empty() || path.front() != pattern.front()) return false;
      pattern.remove_prefix(1);
      path.remove_prefix(1);
      continue;
    }
    const std::size_t close = pattern.find('}');
    const std::size_t length = std::min(path.find_first_of("/:"), path.size());
    if (length == 0) return false;
    values[std::string(pattern.substr(1, close - 1))] = path.substr(0, length);
    pattern.remove_prefix(close + 1);
    path.remove_prefix(length);
  }
  return path.empty();
}

std::optional<Response> check_query(const Request& request, const Route& route) {
  for (const auto& [key, value] : request.query) {
    if (std::find(route.query.begin(), route.query.end(), key) == route.query.end()) {
      const std::string known =
          route.query.empty() ? "none is known here" : fmt::format("{} can be asked", fmt::join(route.query, ", "));
      return problem(400, fmt::format("there is no query {}; {}", key, known));  // its value may be a secret
    }
    if (request.query.count(key) > 1) return problem(400, fmt::format("query {} is given more than once", key));
  }
  return std::nullopt;
}

void Router::add(Route route) {
  routes_.push_back(std::move(route));
}

void Router::add(std::vector<Route> routes) {
  for (auto& route : routes) add(std::move(route));
}

const Route* Router::match(const std::string& method, const std::string& path,
                           std::map<std::string, std::string>& values, Response& refusal) const {
  const std::string wanted = method == "HEAD" ? "GET" : method;
  std::set<std::string> allowed;
  for (const auto& route : routes_) {
    std::map<std::string, std::string> found;
    if (!match_path(route.path, path, found)) continue;
    if (route.method == wanted) {
      values = std::move(found);
      return &route;
    }
    allowed.insert(route.method);
    if (route.method == "GET") allowed.insert("HEAD");
  }
  if (allowed.empty()) {
    refusal = problem(404, fmt::format("there is nothing at {}; /openapi.yaml says what there is", path));
    refusal.detail = "there is nothing at that path";  // which may have a secret in it
    return nullptr;
  }
  const std::string list = fmt::format("{}", fmt::join(allowed, ", "));
  refusal = problem(405, fmt::format("{} is not possible on {}; use {}", method, path, list));
  refusal.headers.emplace_back("Allow", list);
  return nullptr;
}

}  // namespace spliced::http
