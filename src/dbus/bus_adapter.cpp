// SPDX-License-Identifier: Apache-2.0
#include "bus_adapter.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "session.h"
#include "spliced/util/threads.h"

namespace spliced::dbus {
namespace {

constexpr int kFirstPause = 500;  // milliseconds between attempts to connect, doubled up to kLongestPause
constexpr int kLongestPause = 2000;
constexpr int kLongestPoll = 1000;
constexpr int kBatch = 16;  // messages that are handled before anything else has its turn

void wake_up(const util::UniqueFd& fd) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto put = ::write(fd.get(), &one, sizeof one);
}

void drain(int fd) {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(fd, &count, sizeof count);
}

}  // namespace

BusAdapter::BusAdapter(BusSetup setup)
    : setup_(std::move(setup)),
      wake_fd_(std::make_shared<util::UniqueFd>(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))),
      deeds_(setup_.log) {}

BusAdapter::~BusAdapter() {
  thread_.request_stop();
  wake();
}

void BusAdapter::start() {
  ended_ = false;
  subscription_ = setup_.service.on_event([fd = wake_fd_](const job::Event&) { wake_up(*fd); });
  thread_ = std::jthread([this](const std::stop_token& stop) {
    util::name_this_thread("bus");
    run(stop);
    const std::lock_guard lock(mutex_);
    ended_ = true;
    end_.notify_all();
  });
}

bool BusAdapter::stop(util::Nanos limit) {
  const util::Nanos until = util::system_clock().now() + limit;
  thread_.request_stop();
  wake();
  {
    std::unique_lock lock(mutex_);
    if (!end_.wait_for(lock, std::chrono::nanoseconds(limit), [&] { return ended_; })) return false;
  }
  return errands_.stop(std::max<util::Nanos>(0, until - util::system_clock().now()));
}

void BusAdapter::wake() const {
  wake_up(*wake_fd_);
}

void BusAdapter::post(Answer answer) {
  {
    const std::lock_guard lock(mutex_);
    answers_.push_back(std::move(answer));
  }
  wake();
}

std::vector<BusAdapter::Answer> BusAdapter::take_answers() {
  const std::lock_guard lock(mutex_);
  return std::exchange(answers_, {});
}

// Whoever is too far behind begins anew, with the jobs as they are.
std::vector<job::Event> BusAdapter::take_news() {
  job::EventPage page = setup_.service.recent_events(seen_, job::kNoLimit);
  if (page.missed) throw std::runtime_error("too much happened to tell it all");
  if (!page.events.empty()) seen_ = page.events.back().id;
  return std::move(page.events);
}

void BusAdapter::set_state(bool connected, const std::string& reason) {
  connected_ = connected;
  if (connected) {
    setup_.log.log(util::LogLevel::info, "connected to the bus");
    reported_loss_ = false;
  } else if (!reported_loss_) {
    setup_.log.log(util::LogLevel::warning, fmt::format("no bus, going on without it: {}", reason));
    reported_loss_ = true;
  }
}

void BusAdapter::run(const std::stop_token& stop) {
  int next_pause = kFirstPause;
  while (!stop.stop_requested()) {
    try {
      seen_ = setup_.service.last_event();
      Session session(setup_, *this);
      set_state(true, "");
      next_pause = kFirstPause;
      serve(stop, session);
    } catch (const sdbus::Error& error) {
      set_state(false, fmt::format("{} ({})", error.getMessage(), error.getName()));
    } catch (const std::exception& error) {
      set_state(false, error.what());
    }
    connected_ = false;
    pause(stop, next_pause);
    next_pause = std::min(next_pause * 2, kLongestPause);
  }
}

void BusAdapter::pause(const std::stop_token& stop, int milliseconds) {
  const util::Nanos until = util::system_clock().now() + util::Nanos{milliseconds} * 1'000'000;
  while (!stop.stop_requested()) {
    const util::Nanos left = until - util::system_clock().now();
    if (left <= 0) return;
    pollfd fd{wake_fd_->get(), POLLIN, 0};
    ::poll(&fd, 1, static_cast<int>(left / 1'000'000 + 1));
    drain(wake_fd_->get());
    (void)take_answers();  // those who called are gone
  }
}

void BusAdapter::serve(const std::stop_token& stop, Session& session) {
  while (!stop.stop_requested()) {
    session.show(take_news());
    for (auto& answer : take_answers()) session.answer(std::move(answer));
    int left = kBatch;
    while (left > 0 && session.process()) --left;
    const auto bus = session.poll_data();
    pollfd fds[3] = {{bus.fd, bus.events, 0}, {wake_fd_->get(), POLLIN, 0}, {session.inhibitor().fd(), 0, 0}};
    // The time-outs of the bus are rounded to the longest poll: nothing here depends on them to the second. What the
    // library has read already does not show on the descriptor.
    ::poll(fds, 3, left == 0 ? 0 : kLongestPoll);
    if (fds[2].revents != 0) session.inhibitor().hung_up();
    drain(wake_fd_->get());
  }
}

}  // namespace spliced::dbus
