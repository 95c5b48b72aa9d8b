// SPDX-License-Identifier: Apache-2.0
// Clients come and go; what epoll, time and the pool say. The way of a request is in request_way.cpp.
#include "event_loop.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "feed.h"

namespace spliced::http {

using util::Nanos;

namespace {

constexpr std::uint64_t kListening = 0, kWake = 1;        // what epoll calls them; connections follow
constexpr int kEvents = 64;                               // taken from epoll at a time
constexpr int kAccepts = 64;                              // of a turn, so that those who are here have theirs
constexpr Nanos kAcceptPause = util::kSecond / 10;        // where the system has no descriptor or memory to give
constexpr Nanos kComplaintInterval = 60 * util::kSecond;  // of the log, about that
constexpr std::size_t kMaxParting = 256;                  // clients that are told to come again, at a time
constexpr Nanos kRetry = util::kSecond / 20;              // of streams that found the pool full

bool add_to(const util::UniqueFd& epoll, int fd, std::uint64_t id, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  return ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

bool change_in(const util::UniqueFd& epoll, int fd, std::uint64_t id, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  return ::epoll_ctl(epoll.get(), EPOLL_CTL_MOD, fd, &event) == 0;
}

// One client is gone before it was accepted; the next may be there.
bool is_passing(int error) {
  return error == EINTR || error == ECONNABORTED || error == EPROTO || error == EPERM || error == EHOSTUNREACH ||
         error == ENETUNREACH || error == ENETDOWN || error == EHOSTDOWN || error == ETIMEDOUT;
}

}  // namespace

util::Status EventLoop::open(util::UniqueFd listening) {
  listening_ = std::move(listening);
  last_id_ = kWake;
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll_ || !wake_ || !add_to(epoll_, listening_.get(), kListening, EPOLLIN) ||
      !add_to(epoll_, wake_.get(), kWake, EPOLLIN)) {
    return util::fail_errno("epoll", errno);
  }
  return {};
}

void EventLoop::run() {
  epoll_event events[kEvents];
  for (;;) {
    const Nanos end = end_at_;
    if (end != 0 && !ending_) begin_end();
    if (ending_ && end != std::numeric_limits<Nanos>::max() && !feeds_ended_) end_feeds();
    if (ending_ && (connections_.empty() || util::now() >= end)) break;
    const int count = ::epoll_wait(epoll_.get(), events, kEvents, timeout());
    if (count < 0 && errno != EINTR) {
      log_.log(util::LogLevel::error, fmt::format("{}: epoll: {}", config_.name, util::errno_text(errno)));
      break;
    }
    for (int i = 0; i < count; ++i) on_event(events[i].data.u64, events[i].events);
    deliver_made();
    for (const std::uint64_t id : deadlines_.take_due(util::now())) {
      if (Connection* connection = find(id)) on_deadline(*connection);
    }
    try_again();
  }
  listening_.reset();
  while (!connections_.empty()) close(*connections_.begin()->second);
}

void EventLoop::stop_by(Nanos deadline) {
  end_at_ = deadline;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto put = ::write(wake_.get(), &one, sizeof one);
}

void EventLoop::begin_end() {
  ending_ = true;
  listening_.reset();
  accept_again_ = 0;
  std::vector<std::uint64_t> all;
  for (const auto& entry : connections_) all.push_back(entry.first);
  for (const std::uint64_t id : all) {
    Connection& connection = *find(id);
    if (connection.phase == Phase::lingering) {
      close(connection);
    } else if (connection.receives_request()) {
      deadlines_.set(id, std::min(deadlines_.of(id), util::now() + kLastRequests));
    } else if (connection.phase == Phase::answering && !connection.feed) {
      deadlines_.set(id, std::min(deadlines_.of(id), util::now() + kLastWords));
    }
  }
}

int EventLoop::timeout() const {
  Nanos next = deadlines_.next();
  const auto also = [&](Nanos when) { next = next == 0 ? when : std::min(next, when); };
  if (accept_again_ != 0) also(accept_again_);
  if (ending_) also(end_at_);
  if (!hungry_.empty() || !dead_.empty()) also(util::now() + kRetry);
  if (next == 0) return -1;
  return static_cast<int>(std::clamp<Nanos>((next - util::now()) / 1'000'000 + 1, 0, 60'000));
}

void EventLoop::on_event(std::uint64_t id, std::uint32_t events) {
  if (id == kListening) return accept_some();
  if (id == kWake) {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = ::read(wake_.get(), &count, sizeof count);
    return;
  }
  Connection* connection = find(id);
  if (connection == nullptr) return;  // closed by an earlier event of this turn
  if (connection->receives_request()) return receive(*connection);
  if (connection->phase == Phase::lingering) return drain(*connection);
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) return close(*connection);
  if (connection->phase == Phase::answering) {
    return connection->feed && (events & EPOLLRDHUP) != 0 ? on_reader_finished(*connection) : send(*connection);
  }
  if ((events & EPOLLRDHUP) != 0) on_peer_finished(*connection);
}

void EventLoop::on_deadline(Connection& connection) {
  switch (connection.phase) {
    case Phase::head:
    case Phase::body:
      if (connection.guard.empty()) return close(connection);
      return answer(connection, problem(408, "the request did not arrive in time"));
    case Phase::handling: return ask_whether_there(connection);
    case Phase::answering:
    case Phase::lingering: return close(connection);
  }
}

void EventLoop::accept_some() {
  for (int i = 0; i < kAccepts; ++i) {
    util::UniqueFd fd(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd) {
      accept(std::move(fd));
    } else if (errno == EAGAIN) {
      return;
    } else if (!is_passing(errno)) {
      return pause_accepting(errno);
    }
  }
}

void EventLoop::accept(util::UniqueFd fd) {
  const bool full = connections_.size() - parting_ >= config_.limits.connections && !make_room();
  const bool tcp = !config_.address.is_unix();
  if (tcp) {
    const int yes = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  }
  const std::uint64_t id = ++last_id_;
  if (!add_to(epoll_, fd.get(), id, EPOLLIN)) return pause_accepting(errno);
  auto& connection = *(connections_[id] = std::make_unique<Connection>(std::move(fd), id, tcp, util::now()));
  connection.interest = EPOLLIN;
  if (config_.tls) connection.encrypt(config_.tls());
  if (full) return turn_away(id);
  unfinished_.emplace(false, id);
  deadlines_.set(id, util::now() + config_.limits.request_time);
  receive(connection);
}

// The descriptor that epoll reports again and again would make the loop spin.
void EventLoop::pause_accepting(int error) {
  const Nanos when = util::now();
  accept_again_ = when + kAcceptPause;
  if (!change_in(epoll_, listening_.get(), kListening, 0)) accept_again_ = when;
  if (last_complaint_ != 0 && when - last_complaint_ < kComplaintInterval) return;
  last_complaint_ = when;
  log_.log(util::LogLevel::warning,
           fmt::format("{}: accept: {}; clients wait until that is over", config_.name, util::errno_text(error)));
}

// Whoever has what it needs to be served is served within moments: the oldest whose request is not there is the one
// that will not be missed, first of all one that has not sent a byte.
bool EventLoop::make_room() {
  if (unfinished_.empty()) return false;
  const auto [has_sent, id] = *unfinished_.begin();
  if (has_sent) {
    turn_away(id);
  } else {
    close(*find(id));
  }
  return true;
}

// It holds no place any more, but may still be sending its request: closed now, it would see a broken pipe in place of
// the answer. Beyond a crowd of those there is no other way.
void EventLoop::turn_away(std::uint64_t id) {
  find(id)->parting = true;
  ++parting_;
  const bool crowd = parting_ > kMaxParting;
  Response refusal = problem(503, fmt::format("more than {} connections are open", config_.limits.connections));
  refusal.headers.emplace_back("Retry-After", "1");
  answer(*find(id), std::move(refusal));
  Connection* connection = find(id);
  if (connection != nullptr && crowd) close(*connection);
}

void EventLoop::close(Connection& connection) {
  const std::uint64_t id = connection.id;
  *connection.exchange->gone = true;
  if (connection.parting) --parting_;
  if (connection.phase == Phase::answering) tell(*connection.exchange, connection.status);
  partial_bytes_ -= connection.counted_in;
  unsent_bytes_ -= connection.counted_out;
  unfinished_.erase({false, id});
  unfinished_.erase({true, id});
  hungry_.erase(id);
  deadlines_.clear(id);
  discard(std::exchange(connection.stream, nullptr));
  if (connection.feed) connection.feed->close();
  connections_.erase(id);
}

Connection* EventLoop::find(std::uint64_t id) {
  const auto found = connections_.find(id);
  return found == connections_.end() ? nullptr : found->second.get();
}

void EventLoop::set_interest(Connection& connection, std::uint32_t events) {
  if (connection.interest == events) return;
  connection.interest = events;
  // Fails for want of memory only, and then the deadline ends the connection.
  [[maybe_unused]] const bool done = change_in(epoll_, connection.fd(), connection.id, events);
}

void EventLoop::count(Connection& connection) {
  const std::size_t in = connection.receives_request() ? connection.guard.size() : 0;
  partial_bytes_ += in - connection.counted_in;
  connection.counted_in = in;
  unsent_bytes_ += connection.unsent() - connection.counted_out;
  connection.counted_out = connection.unsent();
}

void EventLoop::put(Made made) {
  const std::lock_guard lock(mutex_);
  made_.push_back(std::move(made));
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto put = ::write(wake_.get(), &one, sizeof one);
}

void EventLoop::deliver_made() {
  std::vector<Made> made;
  {
    const std::lock_guard lock(mutex_);
    made.swap(made_);
  }
  for (auto& each : made) on_made(each);
}

// What found the pool full, and a socket that was not listened to.
void EventLoop::try_again() {
  for (const std::uint64_t id : std::exchange(hungry_, {})) pull(*find(id));
  for (auto& task : std::exchange(dead_, {})) {
    if (!pool_.enqueue(std::move(task))) dead_.push_back(std::move(task));
  }
  if (accept_again_ != 0 && util::now() >= accept_again_) {
    accept_again_ = change_in(epoll_, listening_.get(), kListening, EPOLLIN) ? 0 : util::now() + kAcceptPause;
  }
}

// A stream may have to close what is on a disk, so its end comes on a thread of the pool.
void EventLoop::discard(Stream stream) {
  if (!stream) return;
  std::function<void()> task = [stream = std::move(stream)] {};
  if (!pool_.enqueue(std::move(task))) dead_.push_back(std::move(task));
}

void EventLoop::tell(const Exchange& exchange, int status) {
  const double seconds = static_cast<double>(util::now() - exchange.begun) / 1e9;
  observer_.on_request(exchange.route != nullptr ? std::string_view(exchange.route->path) : "none", exchange.method,
                       status, seconds);
}

}  // namespace spliced::http
