// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "message.h"

namespace spliced::http {

// Finds the handler of a request. Filled at start-up, then immutable and thread-safe.
class Router {
 public:
  void add(Route route);
  void add(std::vector<Route> routes);
  [[nodiscard]] const std::vector<Route>& routes() const { return routes_; }

  // The route of a method and path; nullptr with `refusal` filled (404, or 405 with Allow) when there is none.
  // HEAD is served by GET. The values of placeholders go to `values`.
  [[nodiscard]] const Route* match(const std::string& method, const std::string& path,
                                   std::map<std::string, std::string>& values, Response& refusal) const;

 private:
  std::vector<Route> routes_;
};

// Refuses keys that the route does not know, and those that are given twice.
[[nodiscard]] std::optional<Response> check_query(const Request& request, const Route& route);

// Whether `path` fits `pattern`; placeholders match one or more characters other than '/' and ':'.
[[nodiscard]] bool match_path(std::string_view pattern, std::string_view path,
                              std::map<std::string, std::string>& values);

}  // namespace spliced::http
