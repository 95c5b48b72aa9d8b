// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "connection.h"
#include "deadlines.h"
#include "listener.h"
#include "pool.h"
#include "request_parser.h"

namespace spliced::http {

// All connections of one listener, on one thread that blocks on nothing but epoll: a connection holds no thread, only
// a whole request does, from the pool, until its answer is in memory. `config`, `router`, `observer`, `log` and `pool`
// must outlive it; the pool must have ended its tasks before it is destroyed.
class EventLoop {
 public:
  EventLoop(const ListenerConfig& config, const Router& router, Observer& observer, util::Logger& log,
            BoundedPool& pool)
      : config_(config), router_(router), observer_(observer), log_(log), pool_(pool) {}

  // Takes a socket that listens. Before run().
  [[nodiscard]] util::Status open(util::UniqueFd listening);
  // Returns after stop_by(), when the last request was answered or at the given time.
  void run();
  // From any thread: takes no more connections, and ends at `deadline` (CLOCK_MONOTONIC) at the latest.
  void stop_by(util::Nanos deadline);

 private:
  // What a thread of the pool made: an answer, or a piece of one.
  struct Made {
    std::uint64_t id;
    std::shared_ptr<Exchange> exchange;
    std::optional<Response> response;
    std::string piece;
    bool more = false;
    bool failed = false;
    bool news = false;  // no piece: there is something in the feed
  };
  using Phase = Connection::Phase;
  static constexpr util::Nanos kLastWords = util::kSecond;  // for a client to take its answer when the listener ends
  // For a request of whom was accepted to arrive then: who connected at the last moment is answered, too.
  static constexpr util::Nanos kLastRequests = util::kSecond / 5;

  // Clients come and go.
  void accept_some();
  void accept(util::UniqueFd fd);
  void pause_accepting(int error);
  [[nodiscard]] bool make_room();
  void turn_away(std::uint64_t id);
  void close(Connection& connection);
  [[nodiscard]] Connection* find(std::uint64_t id);

  // What epoll, time and the pool say.
  [[nodiscard]] int timeout() const;
  void on_event(std::uint64_t id, std::uint32_t events);
  void on_deadline(Connection& connection);
  void on_made(Made& made);
  void deliver_made();
  void begin_end();

  // The way of one request. Each of these may close the connection: whoever calls one looks at it no more.
  void receive(Connection& connection);
  void on_end_of_input(Connection& connection);
  // Whether more of the request is awaited.
  [[nodiscard]] bool feed(Connection& connection, std::string_view bytes);
  [[nodiscard]] std::optional<Response> admit(Connection& connection);
  [[nodiscard]] std::optional<Response> identify(Connection& connection, std::string_view head);
  void on_broken(Connection& connection);
  [[nodiscard]] std::optional<Response> check_host(std::string_view head) const;
  void dispatch(Connection& connection);
  [[nodiscard]] Response handle(const Exchange& exchange) const;
  void answer(Connection& connection, Response response);
  void log_deed(const Connection& connection, Response& response);
  void set_answer_deadline(Connection& connection);
  void send(Connection& connection);
  void pull(Connection& connection);
  [[nodiscard]] bool take_news(Connection& connection);
  void await_news(Connection& connection, std::size_t unsent_before);
  void on_reader_finished(Connection& connection);
  void end_feeds();
  void linger(Connection& connection);
  void drain(Connection& connection);
  void on_peer_finished(Connection& connection);
  void ask_whether_there(Connection& connection);

  void set_interest(Connection& connection, std::uint32_t events);
  void count(Connection& connection);
  void shed_load();
  void put(Made made);
  void discard(Stream stream);
  void try_again();
  void tell(const Exchange& exchange, int status);

  const ListenerConfig& config_;
  const Router& router_;
  Observer& observer_;
  util::Logger& log_;
  util::DeedLog deeds_{log_};
  BoundedPool& pool_;
  RequestParser parser_;
  util::UniqueFd epoll_, wake_, listening_;
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::set<std::pair<bool, std::uint64_t>> unfinished_;  // requests that are not there: those without a byte first
  std::set<std::uint64_t> hungry_;                       // streams that found the pool full
  std::vector<std::function<void()>> dead_;              // streams that found the pool full at their end
  Deadlines deadlines_;
  std::uint64_t last_id_;
  std::size_t parting_ = 0;  // of the connections, those that were turned away
  std::size_t partial_bytes_ = 0;
  std::size_t unsent_bytes_ = 0;
  util::Nanos accept_again_ = 0;
  util::Nanos last_complaint_ = 0;
  bool ending_ = false;
  bool feeds_ended_ = false;
  std::atomic<util::Nanos> end_at_{0};  // 0: not to end

  std::mutex mutex_;
  std::vector<Made> made_;
};

}  // namespace spliced::http
