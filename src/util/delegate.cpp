// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/delegate.h"

#include <chrono>
#include <utility>

#include "spliced/util/threads.h"

namespace spliced::util {

Delegate::Delegate(std::string name)
    : name_(std::move(name)), thread_([this](const std::stop_token& stop) { serve(stop); }) {}

Delegate::~Delegate() {
  stop();
}

void Delegate::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

bool Delegate::run(std::function<void()> task, Nanos limit, std::function<void()> late) {
  const auto errand = std::make_shared<Errand>();
  errand->task = std::move(task);
  errand->late = std::move(late);
  std::unique_lock lock(mutex_);
  waiting_.push_back(errand);
  changed_.notify_all();
  changed_.wait_for(lock, std::chrono::nanoseconds(limit), [&] { return errand->ended; });
  errand->given_up = !errand->ended;
  if (errand->given_up) std::erase(waiting_, errand);
  return errand->ended;
}

bool Delegate::wait_until_idle(Nanos limit) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::nanoseconds(limit), [this] { return !busy_; });
}

void Delegate::serve(const std::stop_token& stop) {
  name_this_thread(name_);
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !waiting_.empty(); })) {
    const auto errand = std::move(waiting_.front());
    waiting_.pop_front();
    busy_ = true;
    lock.unlock();
    errand->task();
    lock.lock();
    errand->ended = true;
    if (errand->given_up && errand->late) {
      lock.unlock();
      errand->late();
      lock.lock();
    }
    busy_ = false;
    changed_.notify_all();
  }
}

}  // namespace spliced::util
