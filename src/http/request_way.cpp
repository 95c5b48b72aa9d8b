// SPDX-License-Identifier: Apache-2.0
// The way of one request through the event loop: received, admitted, handled by the pool, answered, let go.
#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "event_loop.h"
#include "feed.h"
#include "host_name.h"
#include "spliced/util/message_id.h"

namespace spliced::http {

using util::Nanos;

namespace {

constexpr std::size_t kReadBytes = 64 * 1024;    // at a time
constexpr int kReads = 16;                       // of a turn, so that others have theirs
constexpr std::size_t kLowWater = 64 * 1024;     // unsent bytes below which a stream makes its next piece
constexpr std::size_t kSmallAnswer = 64 * 1024;  // sent however much is unsent: connections bound it
// Closed with unread bytes, a socket would be reset and the answer lost on its way.
constexpr Nanos kLinger = util::kSecond / 2;
constexpr std::size_t kLingerBytes = 4 << 20;
// A TCP peer that hung up looks like one that has only finished sending, until it gets something: then it resets.
// Answers within a moment never have an interim one before them.
constexpr Nanos kFirstAsk = util::kSecond;
constexpr Nanos kNextAsk = 2 * util::kSecond;

Response busy(std::string_view detail) {
  Response refusal = problem(503, detail);
  refusal.headers.emplace_back("Retry-After", "1");
  return refusal;
}

// A target as far as it is a plain path: what follows may be a secret at the wrong place.
std::string plain_path(const std::string& target) {
  const std::string_view path = split_target(target).path;
  const auto is_plain = [](char c) {
    constexpr std::string_view others = "/:._-";
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || others.find(c) != others.npos;
  };
  return {path.begin(), std::find_if_not(path.begin(), path.end(), is_plain)};
}

}  // namespace

void EventLoop::receive(Connection& connection) {
  char chunk[kReadBytes];
  if (!connection.flush()) return close(connection);  // of a handshake
  for (int i = 0; i < kReads || connection.has_input(); ++i) {
    const std::size_t most = connection.guard.has_head() ? std::min(connection.guard.missing(), sizeof chunk) : 4096;
    std::size_t got = 0;
    switch (connection.receive(chunk, most, got)) {
      case Connection::Input::nothing_yet:
        count(connection);
        return set_interest(connection, connection.unsent() > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
      case Connection::Input::broken: return on_broken(connection);
      case Connection::Input::not_encrypted:
        return answer(connection, problem(400, "this port takes HTTPS; ask with https://"));
      case Connection::Input::end: return on_end_of_input(connection);
      case Connection::Input::some:
        if (got > 0 && !feed(connection, {chunk, got})) return;
    }
  }
  count(connection);
}

void EventLoop::on_broken(Connection& connection) {
  if (const std::string why = connection.tls_failure(); !why.empty()) {
    log_.log(util::LogLevel::warning, fmt::format("{}: TLS with {}: {}", config_.name, connection.peer(), why),
             {{util::kMessageIdKey, std::string(util::message::kTlsFailed)}});
  }
  close(connection);
}

void EventLoop::on_end_of_input(Connection& connection) {
  if (connection.guard.empty()) return close(connection);
  answer(connection, problem(400, "the request is incomplete"));
}

bool EventLoop::feed(Connection& connection, std::string_view bytes) {
  if (connection.guard.empty() && unfinished_.erase({false, connection.id}) > 0) {
    unfinished_.emplace(true, connection.id);
  }
  auto refusal = connection.guard.feed(bytes);
  count(connection);
  connection.exchange->method = method_label(connection.guard.method());
  connection.form.head_only = connection.exchange->method == "HEAD";
  if (!refusal && connection.phase == Phase::head && connection.guard.has_head()) refusal = admit(connection);
  if (refusal) {
    answer(connection, std::move(*refusal));
    return false;
  }
  if (connection.guard.is_whole()) {
    dispatch(connection);
    return false;
  }
  if (partial_bytes_ <= config_.limits.partial_bytes) return true;
  shed_load();
  return false;  // epoll tells again of what is there, if this one is left
}

// On a loopback address only: anywhere else the operator gave the machine a name.
std::optional<Response> EventLoop::check_host(std::string_view head) const {
  if (config_.address.is_unix() || !config_.address.is_loopback()) return std::nullopt;
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const std::string_view named = split_target(line.substr(std::min(line.find(' '), line.size() - 1) + 1)).host;
  const std::string host = named.empty() ? header_value(head, "host") : std::string(named);
  if (host.empty() || is_own_name(host, config_.address.host)) return std::nullopt;
  return problem(421, fmt::format("Host \"{}\" is not this address; use {} or localhost", host, config_.address.host));
}

// Who it is, and whether there is anything that they may do.
std::optional<Response> EventLoop::identify(Connection& connection, std::string_view head) {
  Request& request = connection.exchange->request;
  request.peer = connection.peer();
  request.who = access::anonymous(access::Scope::destroy);
  if (!config_.admit) return std::nullopt;
  access::Credentials shown = connection.credentials();
  shown.authorization = header_value(head, "authorization");
  auto admission = config_.admit(shown);
  if (admission) {
    if (connection.tcp) request.peer += fmt::format(" ({})", admission->name);
    request.who = std::move(*admission);
    return std::nullopt;
  }
  Response refusal = problem(admission.error().known ? 403 : 401, admission.error().why);
  if (!admission.error().known) refusal.headers.emplace_back("WWW-Authenticate", "Bearer");
  return refusal;
}

namespace {

// Those fields of the head that the route asks for.
std::optional<Response> take_fields(std::string_view head, const Route& route, Request& request) {
  for (const std::string& name : route.fields) {
    auto values = header_values(head, name);
    if (values.size() > 1) return problem(400, fmt::format("the field {} is given more than once", name));
    if (!values.empty()) request.fields.emplace(name, std::move(values.front()));
  }
  return std::nullopt;
}

}  // namespace

// Before any of the body is gathered.
std::optional<Response> EventLoop::admit(Connection& connection) {
  const std::string_view head = connection.guard.head();
  auto request = parser_.parse(head);
  if (!request) return problem(400, "the request is not valid HTTP");
  connection.form.http_1_0 = head.substr(0, head.find("\r\n")).ends_with("HTTP/1.0");
  // As it was sent: the library decodes percent signs.
  if (auto refusal = check_host(head)) return refusal;
  if (auto refusal = identify(connection, head)) return refusal;
  access::Principal who = connection.exchange->request.who;
  std::string peer = connection.exchange->request.peer;
  Response refusal;
  const Route* route = router_.match(request->method, request->path, request->path_values, refusal);
  if (route == nullptr) return refusal;
  if (!who.may(route->needs)) {
    return problem(403, fmt::format("{} {} needs the scope {}; {} has {}", route->method, route->path,
                                    access::scope_name(route->needs), who.name, access::scope_name(who.scope)));
  }
  if (auto wrong = check_query(*request, *route)) return wrong;
  if (auto wrong = take_fields(head, *route, *request)) return wrong;
  if (route->takes_body && header_value(head, "content-length").empty()) {
    return problem(411, "Content-Length is missing; send the body with its length");
  }
  Exchange& exchange = *connection.exchange;
  exchange.route = route;
  exchange.request = std::move(*request);
  exchange.request.who = std::move(who);
  exchange.request.peer = std::move(peer);
  exchange.request.peer_gone = [gone = exchange.gone] { return gone->load(); };
  connection.phase = Phase::body;
  if (connection.guard.expects_continue() && !connection.guard.is_whole() && !connection.form.http_1_0) {
    connection.send_later(std::string(kContinue));
    [[maybe_unused]] const bool sent = connection.flush();  // a peer that is gone is noticed when it is read from
    count(connection);
  }
  return std::nullopt;
}

// The largest pays: however many bodies drip in, a small request comes through.
void EventLoop::shed_load() {
  Connection* largest = nullptr;
  for (const auto& entry : connections_) {
    if (largest == nullptr || entry.second->counted_in > largest->counted_in) largest = entry.second.get();
  }
  answer(*largest, busy("too many requests are arriving at the same time"));
}

void EventLoop::dispatch(Connection& connection) {
  const auto exchange = connection.exchange;
  exchange->request.body = connection.guard.take_body();
  unfinished_.erase({true, connection.id});
  deadlines_.clear(connection.id);
  connection.phase = Phase::handling;
  count(connection);
  std::function<void()> task = [this, id = connection.id, exchange] {
    Response response = handle(*exchange);
    exchange->request.body = {};
    put(Made{id, exchange, std::move(response), {}, false, false, false});
  };
  if (!pool_.enqueue(std::move(task))) return answer(connection, busy("too many requests are waiting"));
  set_interest(connection, EPOLLRDHUP);
}

// On a thread of the pool.
Response EventLoop::handle(const Exchange& exchange) const {
  const Request& request = exchange.request;
  try {
    Response response = exchange.route->handler(request);
    if (response.body.size() <= kMaxAnswerBytes) return response;
    log_.log(util::LogLevel::error, fmt::format("{} {}: an answer of {} bytes; at most {}", request.method,
                                                request.path, response.body.size(), kMaxAnswerBytes));
  } catch (...) {  // its text may quote what is nobody's business
    log_.log(util::LogLevel::error, fmt::format("{} {}: a handler threw", request.method, request.path));
  }
  return problem(500, "an internal error; the log of the daemon says more");
}

void EventLoop::on_peer_finished(Connection& connection) {
  set_interest(connection, 0);  // EPOLLHUP and EPOLLERR are told all the same
  if (connection.tcp && !connection.form.http_1_0) deadlines_.set(connection.id, util::now() + kFirstAsk);
}

void EventLoop::ask_whether_there(Connection& connection) {
  if (connection.unsent() == 0) connection.send_later(std::string(kStillBusy));
  if (!connection.flush()) return close(connection);
  count(connection);
  deadlines_.set(connection.id, util::now() + kNextAsk);
}

void EventLoop::on_made(Made& made) {
  Connection* connection = find(made.id);
  if (connection == nullptr) {  // the client is gone
    if (!made.response) return;
    tell(*made.exchange, made.response->status);
    if (made.response->feed) made.response->feed->close();
    if (made.response->more) discard(std::make_shared<Stream::element_type>(std::move(made.response->more)));
    return;
  }
  if (made.response) return answer(*connection, std::move(*made.response));
  if (made.news) {
    if (connection->feed && !connection->stream) send(*connection);
    return;
  }
  connection->pulling = false;
  if (made.failed) return close(*connection);
  connection->send_later(frame(std::move(made.piece), connection->form));
  if (!made.more) {
    discard(std::exchange(connection->stream, nullptr));
    if (!connection->feed) connection->send_later(std::string(final_frame(connection->form)));
  }
  set_answer_deadline(*connection);
  send(*connection);
}

void EventLoop::answer(Connection& connection, Response response) {
  if (!connection.can_send()) return close(connection);  // no keys yet
  const auto stream_of = [](Response& from) -> Stream {
    return from.more ? std::make_shared<Stream::element_type>(std::move(from.more)) : nullptr;
  };
  if (response.body.size() > kSmallAnswer && unsent_bytes_ + response.body.size() > config_.limits.unsent_bytes) {
    discard(stream_of(response));
    response = busy("too many answers are waiting for their clients");
  }
  log_deed(connection, response);
  unfinished_.erase({false, connection.id});
  unfinished_.erase({true, connection.id});
  deadlines_.clear(connection.id);
  connection.phase = Phase::answering;
  connection.guard = HeadGuard();
  connection.status = response.status;
  connection.send_later(serialize(response, connection.form));
  connection.stream = stream_of(response);
  connection.feed = std::move(response.feed);
  if (connection.form.head_only || response.status == 204) {
    discard(std::exchange(connection.stream, nullptr));
    if (connection.feed) std::exchange(connection.feed, nullptr)->close();
  }
  if (connection.feed) {
    connection.feed->open([this, id = connection.id] { put(Made{id, nullptr, {}, {}, false, false, true}); });
  }
  set_answer_deadline(connection);
  send(connection);
}

// Who wanted to change what, or was not let in, and what came of it.
void EventLoop::log_deed(const Connection& connection, Response& response) {
  const Exchange& exchange = *connection.exchange;
  const bool changes = exchange.method == "POST" || exchange.method == "PUT" || exchange.method == "DELETE" ||
                       exchange.method == "PATCH";
  const bool turned_away = response.status == 401 || response.status == 403;
  std::string path = exchange.request.path;
  const Route* route = exchange.route;
  if (route == nullptr && (changes || turned_away)) {  // refused before it came to one
    path = plain_path(connection.guard.target());
    std::map<std::string, std::string> values;
    Response refusal;
    route = router_.match(std::string(exchange.method), path, values, refusal);
  }
  if (!turned_away && (!changes || (route != nullptr && route->asks_only))) return;
  const std::string peer = exchange.request.peer.empty() ? connection.peer() : exchange.request.peer;
  deeds_.log({fmt::format("{} {}", exchange.method, path), peer, std::to_string(response.status), response.status < 400,
              std::move(response.detail), std::move(response.about)});
}

// When the listener ends, a stream that goes on earns no more time.
void EventLoop::set_answer_deadline(Connection& connection) {
  const Nanos had = deadlines_.of(connection.id);
  if (!ending_) {
    deadlines_.set(connection.id, util::now() + config_.limits.response_time);
  } else if (had == 0 || had > util::now() + kLastWords) {
    deadlines_.set(connection.id, util::now() + kLastWords);
  }
}

void EventLoop::send(Connection& connection) {
  const std::size_t before = connection.unsent();
  const bool taken = connection.flush() && (!connection.feed || take_news(connection));
  count(connection);
  if (!taken) return close(connection);
  if (connection.stream && !connection.pulling && connection.unsent() < kLowWater) pull(connection);
  if (connection.feed && !connection.stream) return await_news(connection, before);
  if (!connection.stream && connection.unsent() == 0) return linger(connection);
  set_interest(connection, connection.unsent() > 0 ? EPOLLOUT : 0U);
}

void EventLoop::pull(Connection& connection) {
  std::function<void()> task = [this, id = connection.id, exchange = connection.exchange, stream = connection.stream] {
    Made made{id, exchange, {}, {}, false, false, false};
    try {
      made.more = (*stream)(made.piece);
    } catch (...) {
      made.failed = true;
      log_.log(util::LogLevel::error,
               fmt::format("{} {}: the answer broke off", exchange->request.method, exchange->request.path));
    }
    put(std::move(made));
  };
  hungry_.erase(connection.id);
  connection.pulling = unsent_bytes_ < config_.limits.unsent_bytes && pool_.enqueue(std::move(task));
  if (!connection.pulling) hungry_.insert(connection.id);
}

void EventLoop::linger(Connection& connection) {
  tell(*connection.exchange, connection.status);
  connection.phase = Phase::lingering;
  connection.finish_sending();
  deadlines_.set(connection.id, util::now() + kLinger);
  set_interest(connection, EPOLLIN);
  drain(connection);
}

void EventLoop::drain(Connection& connection) {
  char scratch[kReadBytes];
  for (int i = 0; i < kReads; ++i) {
    std::size_t got = 0;
    const auto input = connection.receive(scratch, sizeof scratch, got);
    if (input == Connection::Input::nothing_yet && !ending_) return;
    connection.dropped += got;
    if (input != Connection::Input::some || connection.dropped > kLingerBytes) return close(connection);
  }
}

}  // namespace spliced::http
