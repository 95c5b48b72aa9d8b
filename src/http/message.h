// Requests and responses as the adapters see them; the HTTP library stays inside this room.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "spliced/util/result.h"

namespace spliced::http {

struct Request {
  std::string method;
  std::string path;                                // decoded, without the query
  std::multimap<std::string, std::string> query;   // decoded
  std::map<std::string, std::string> path_values;  // of {placeholders} in the route
  std::string content_type;
  std::string body;

  [[nodiscard]] std::string query_value(const std::string& key) const {
    const auto found = query.find(key);
    return found == query.end() ? "" : found->second;
  }
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  // Set: the body is what this appends, piece by piece (at most 256 KiB each; `body` is empty), as long as it returns
  // that there is more. Called on the threads that answer, one call at a time; may block on the state disk. When it
  // throws, the answer ends torn.
  std::function<bool(std::string& chunk)> more;
};

using Handler = std::function<Response(const Request&)>;

// One resource and method. `path` is a template: /v1/jobs/{id}:cancel. Also the `handler` label of the HTTP metrics.
struct Route {
  std::string method;
  std::string path;
  Handler handler;
};

// RFC 9457. `status` decides the title; `errors` become the member of that name when there are any.
[[nodiscard]] Response problem(int status, std::string_view detail, const std::vector<util::FieldError>& errors = {});
[[nodiscard]] std::string_view status_title(int status);

// What is told of each answered request; thread-safe.
class Observer {
 public:
  virtual ~Observer() = default;
  // `handler` is a route's path, or "none" where no route was reached.
  virtual void on_request(std::string_view handler, std::string_view method, int status, double seconds) = 0;
};

}  // namespace spliced::http
