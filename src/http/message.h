// SPDX-License-Identifier: Apache-2.0
// Requests and responses as the adapters see them; the HTTP library stays inside this room.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "spliced/access/principal.h"
#include "spliced/util/deed.h"
#include "spliced/util/result.h"

namespace spliced::http {

class Feed;

struct Request {
  std::string method;
  std::string path;                                // decoded, without the query
  std::multimap<std::string, std::string> query;   // decoded
  std::map<std::string, std::string> path_values;  // of {placeholders} in the route
  std::string content_type;
  std::map<std::string, std::string> fields;  // of the head, those that the route asks for, if they were sent
  std::string body;
  access::Principal who;  // who asks
  std::string peer;       // from where: "uid 0, pid 4711", "127.0.0.1:51234 (token:ci)"; "" if not known
  // Whether the client has hung up, so that nobody reads the answer any more; one that has only finished sending is
  // there. Thread-safe, does not block. Empty where nobody watches the client.
  std::function<bool()> peer_gone;

  [[nodiscard]] std::string query_value(const std::string& key) const {
    const auto found = query.find(key);
    return found == query.end() ? "" : found->second;
  }
};

inline constexpr std::size_t kMaxAnswerBytes = 16 << 20;   // of `Response::body`; above: 500. Longer ones are streamed
inline constexpr std::size_t kMaxPieceBytes = 256 * 1024;  // that one call of `Response::more` should append

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  // The rest of a body that is too long to be held in memory, after `body`: appends the next piece, of at most
  // kMaxPieceBytes, and returns whether there is more. Called on the threads of the pool, one call at a time, and only
  // when the client has taken most of what came before. It may block as a handler may; a throw cuts the answer off.
  // Destroyed on such a thread too, after the last piece or as soon as the client is gone or takes nothing more.
  std::function<bool(std::string& piece)> more = {};
  // What comes after that as things happen; the answer ends when it does. Only with `more`.
  std::shared_ptr<Feed> feed = {};
  // For the log, of a request that changes something: what it is about, and why it was refused.
  util::Subject about = {};
  std::string detail = {};
};

using Handler = std::function<Response(const Request&)>;

// One resource and method. `path` is a template: /v1/jobs/{id}:cancel. Also the `handler` label of the HTTP metrics.
struct Route {
  std::string method;
  std::string path;
  Handler handler;
  std::vector<std::string> query = {};  // the keys that it knows; any other is refused with 400
  bool takes_body = false;              // without a Content-Length: 411
  bool asks_only = false;               // changes nothing, whatever its method
  access::Scope needs = access::Scope::read;
  std::vector<std::string> fields = {};  // of the head, in lower case, that it wants to know; once at most: else 400
};

// "urn:spliced:problem:mounted" for "mounted".
[[nodiscard]] std::string problem_type(std::string_view name);

// RFC 9457. `status` decides the title, and the type unless the name of one is given; `errors` become
// the member of that name when there are any, each with a type of its own.
[[nodiscard]] Response problem(int status, std::string_view detail, const std::vector<util::FieldError>& errors = {},
                               std::string_view type = "");
// The type of a problem that says no more than its status.
[[nodiscard]] std::string_view status_problem(int status);
[[nodiscard]] std::string_view status_title(int status);

// What is told of each answered request; thread-safe, does not block.
class Observer {
 public:
  virtual ~Observer() = default;
  // `handler` is a route's path, or "none" where no route was reached. `seconds`: from the connection's acceptance to
  // the end of the answer.
  virtual void on_request(std::string_view handler, std::string_view method, int status, double seconds) = 0;
};

}  // namespace spliced::http
