// SPDX-License-Identifier: Apache-2.0
#include "pool.h"

#include <system_error>

#include "spliced/util/threads.h"

namespace spliced::http {

BoundedPool::BoundedPool(std::string name, std::size_t threads, std::size_t queue_limit)
    : name_(std::move(name)), most_threads_(threads), queue_limit_(queue_limit) {}

BoundedPool::~BoundedPool() {
  while (!shutdown(util::kSecond)) continue;
}

std::size_t BoundedPool::threads() const {
  const std::lock_guard lock(mutex_);
  return threads_.size();
}

bool BoundedPool::enqueue(std::function<void()>&& task) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return false;
  // An idle thread may have been called already by a task that still waits in the queue.
  const bool served = idle_ > queue_.size() || grow();
  if (!served && (threads_.empty() || queue_.size() >= idle_ + queue_limit_)) return false;
  queue_.push_back(std::move(task));
  ready_.notify_one();
  return true;
}

bool BoundedPool::grow() {
  if (threads_.size() == most_threads_) return false;
  try {
    threads_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {  // the system has no thread to give; those that there are go on
    return false;
  }
  ++running_;
  ++idle_;
  return true;
}

bool BoundedPool::shutdown(util::Nanos limit) {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  ready_.notify_all();
  if (!ended_.wait_for(lock, std::chrono::nanoseconds(limit), [&] { return running_ == 0; })) return false;
  const auto threads = std::move(threads_);
  threads_.clear();
  lock.unlock();
  return true;  // joins
}

void BoundedPool::work() {
  util::name_this_thread(name_);
  util::raise_priority();
  std::unique_lock lock(mutex_);
  for (;;) {
    ready_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) break;
    {
      const std::function<void()> task = std::move(queue_.front());
      queue_.pop_front();
      --idle_;
      lock.unlock();
      task();
    }
    lock.lock();
    ++idle_;
  }
  --running_;
  ended_.notify_all();
}

}  // namespace spliced::http
