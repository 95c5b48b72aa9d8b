#include "pool.h"

#include "spliced/util/threads.h"

namespace spliced::http {
namespace {

thread_local bool is_turning_away = false;

}  // namespace

BoundedPool::BoundedPool(std::string name, std::size_t threads, std::size_t queue_limit) : queue_limit_(queue_limit) {
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this, name] {
      util::name_this_thread(name);
      util::prefer_this_thread();
      work();
    });
  }
}

bool BoundedPool::turning_away() {
  return is_turning_away;
}

void BoundedPool::enqueue(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && queue_.size() < queue_limit_) {
      queue_.push_back(std::move(task));
      ready_.notify_one();
      return;
    }
  }
  is_turning_away = true;
  task();
  is_turning_away = false;
}

void BoundedPool::shutdown() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_all();
  threads_.clear();  // joins
}

void BoundedPool::work() {
  for (;;) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      ready_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    task();
  }
}

}  // namespace spliced::http
