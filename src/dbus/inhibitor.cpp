// SPDX-License-Identifier: Apache-2.0
#include "inhibitor.h"

#include <fmt/format.h>

#include <algorithm>

namespace spliced::dbus {

using util::Nanos;

namespace {

constexpr const char* kLogin1 = "org.freedesktop.login1";
constexpr std::uint64_t kAnswerLimit = 10'000'000;  // microseconds that login1 has to answer
constexpr Nanos kFirstRetry = util::kSecond;
constexpr Nanos kLongestRetry = 60 * util::kSecond;

}  // namespace

Inhibitor::Inhibitor(sdbus::IConnection& connection, util::Logger& log)
    : log_(log), login1_(sdbus::createProxy(connection, kLogin1, "/org/freedesktop/login1")), pause_(kFirstRetry) {
  const std::string rule = fmt::format(
      "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{}"
      "'",
      kLogin1);
  watch_ = connection.addMatch(rule, [this](sdbus::Message& message) {
    std::string name;
    std::string before;
    std::string owner;
    message >> name >> before >> owner;
    owner_changed(owner);
  });
}

void Inhibitor::want(const std::string& why) {
  if (why != why_ && lock_.isValid()) stale_ = true;
  why_ = why;
  if (why_.empty()) {
    lock_.reset();
    stale_ = false;
    return;
  }
  const bool held = lock_.isValid() && !stale_;
  if (!held && !asking_ && util::system_clock().now() >= next_try_) ask();
}

void Inhibitor::ask() {
  asking_ = true;
  login1_->callMethodAsync("Inhibit")
      .onInterface("org.freedesktop.login1.Manager")
      .withTimeout(kAnswerLimit)
      .withArguments(std::string("shutdown:sleep"), std::string("spliced"), why_, std::string("block"))
      .uponReplyInvoke(
          [this, why = why_](const sdbus::Error* error, sdbus::UnixFd lock) { answered(error, std::move(lock), why); });
}

void Inhibitor::answered(const sdbus::Error* error, sdbus::UnixFd lock, const std::string& why) {
  asking_ = false;
  if (error == nullptr) {
    // What is not wanted any more is closed at once, here.
    if (!why_.empty()) lock_ = std::move(lock);
    stale_ = lock_.isValid() && why != why_;
    reported_ = false;
    pause_ = kFirstRetry;
    return;
  }
  if (!reported_) {
    log_.log(util::LogLevel::warning, fmt::format("no shutdown inhibitor from login1, to be tried again: {} ({})",
                                                  error->getMessage(), error->getName()));
  }
  reported_ = true;
  try_later();
}

void Inhibitor::try_later() {
  next_try_ = util::system_clock().now() + pause_;
  pause_ = std::min(2 * pause_, kLongestRetry);
}

void Inhibitor::owner_changed(const std::string& owner) {
  stale_ = lock_.isValid();
  pause_ = kFirstRetry;
  if (owner.empty()) {
    try_later();
  } else {
    next_try_ = 0;
  }
}

void Inhibitor::hung_up() {
  lock_.reset();
  try_later();
}

}  // namespace spliced::dbus
