// SPDX-License-Identifier: Apache-2.0
#include "state_watch.h"

#include <fmt/format.h>

#include <chrono>

#include "spliced/util/message_id.h"
#include "spliced/util/threads.h"

namespace spliced::daemon {

using util::LogLevel;

namespace {

constexpr std::chrono::seconds kRound{1};
constexpr util::Nanos kAnswerLimit = 5 * util::kSecond;

}  // namespace

StateWatch::StateWatch(const StateDir& directory, util::Logger& log)
    : directory_(directory), log_(log), last_look_(util::system_clock().now()) {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

std::string StateWatch::trouble() const {
  if (util::system_clock().now() - last_look_ > kAnswerLimit) {
    return fmt::format("the state directory {} does not answer", directory_.path());
  }
  const std::lock_guard lock(mutex_);
  return trouble_;
}

void StateWatch::run(const std::stop_token& stop) {
  util::name_this_thread("state");
  util::raise_priority();
  while (!stop.stop_requested()) {
    look();
    last_look_ = util::system_clock().now();
    std::unique_lock lock(mutex_);
    never_.wait_for(lock, stop, kRound, [] { return false; });
  }
}

void StateWatch::look() {
  const std::string now = directory_.trouble();
  const std::lock_guard lock(mutex_);
  if (now == trouble_) return;
  trouble_ = now;
  if (now.empty()) {
    log_.log(LogLevel::notice, fmt::format("the state directory {} is as it was again", directory_.path()));
  } else {
    log_.log(LogLevel::error,
             fmt::format("{}; running jobs go on, but what becomes of them may not be there after a "
                         "restart",
                         now),
             {{util::kMessageIdKey, std::string(util::message::kStateTrouble)}});
  }
}

}  // namespace spliced::daemon
