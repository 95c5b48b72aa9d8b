// SPDX-License-Identifier: Apache-2.0
#include "errands.h"

#include <system_error>

#include "spliced/util/threads.h"

namespace spliced::dbus {

bool Errands::post(std::function<void()> errand) {
  const std::lock_guard lock(mutex_);
  if (stopped_ || waiting_.size() >= kQueue) return false;
  if (threads_.size() < kThreads && busy_ + waiting_.size() >= threads_.size()) grow();
  if (threads_.empty())
    return false;  // what nobody would do now must not be done by the thread of another errand later
  waiting_.push_back(std::move(errand));
  changed_.notify_all();
  return true;
}

void Errands::grow() {
  try {
    threads_.emplace_back([this](const std::stop_token& stop) {
      util::name_this_thread("bus-errand");
      work(stop);
    });
  } catch (const std::system_error&) {  // those that there are go on
  }
}

void Errands::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [&] { return !waiting_.empty(); })) {
    const std::function<void()> errand = std::move(waiting_.front());
    waiting_.pop_front();
    ++busy_;
    lock.unlock();
    errand();
    lock.lock();
    --busy_;
    changed_.notify_all();
  }
}

bool Errands::stop(util::Nanos limit) {
  std::unique_lock lock(mutex_);
  stopped_ = true;
  waiting_.clear();
  return changed_.wait_for(lock, std::chrono::nanoseconds(limit), [&] { return busy_ == 0; });
}

}  // namespace spliced::dbus
