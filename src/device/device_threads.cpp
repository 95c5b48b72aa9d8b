// SPDX-License-Identifier: Apache-2.0
#include "spliced/device/device_threads.h"

#include <algorithm>
#include <system_error>

#include "spliced/util/threads.h"

namespace spliced::device {
DeviceThread::DeviceThread() : thread_([this] { work(); }) {}

DeviceThread::~DeviceThread() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  ready_.notify_one();
  thread_.join();
}

void DeviceThread::post(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  ready_.notify_one();  // with the lock, for the last task lets the thread end and be deleted by another
}

void DeviceThread::work() {
  util::name_this_thread("device");
  (void)util::leave_descriptor_table(util::OwnTable::empty);  // else it shares that of the process
  std::unique_lock lock(mutex_);
  for (;;) {
    ready_.wait(lock, [&] { return ending_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    busy_since_ = util::system_clock().now();
    task();
    task = nullptr;  // what it holds is given back as part of it
    busy_since_ = 0;
    lock.lock();
  }
}

DeviceThreads::~DeviceThreads() {
  std::unique_lock lock(mutex_);
  came_back_.wait(lock, [&] { return lent_.empty(); });
}

DeviceThreadPtr DeviceThreads::lend(const std::string& what) {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) {
    if (lent_.size() >= kMaxThreads)
      throw std::system_error(EAGAIN, std::generic_category(), "too many device threads");
    idle_.push_back(std::make_unique<DeviceThread>());
  }
  DeviceThread* const thread = idle_.back().get();
  lent_.emplace_back(std::move(idle_.back()), what);
  idle_.pop_back();
  thread->post([what] { util::name_this_thread(what.substr(what.rfind('/') + 1)); });
  return {thread, [this](DeviceThread* back) { reclaim(back); }};
}

// Behind what is still to be done, which may be this thread's own last task.
void DeviceThreads::reclaim(DeviceThread* thread) {
  thread->post([this, thread] { retire(thread); });
}

// Called by the thread itself, which therefore stays; one that has been idle for longer may go.
void DeviceThreads::retire(DeviceThread* thread) {
  util::name_this_thread("device");
  std::unique_ptr<DeviceThread> surplus;
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(lent_.begin(), lent_.end(), [&](auto& entry) { return entry.first.get() == thread; });
  if (idle_.size() >= kMaxIdle) {
    surplus = std::move(idle_.front());
    idle_.erase(idle_.begin());
  }
  idle_.push_back(std::move(found->first));
  lent_.erase(found);
  came_back_.notify_all();
}

std::vector<DeviceThreads::Held> DeviceThreads::held_for(util::Nanos time) const {
  const util::Nanos now = util::system_clock().now();
  std::vector<Held> out;
  const std::lock_guard lock(mutex_);
  for (const auto& [thread, what] : lent_) {
    const util::Nanos since = thread->busy_since();
    if (since != 0 && now - since > time) out.push_back({what, since});
  }
  return out;
}

bool DeviceThreads::wait_until_free(util::Nanos limit) {
  std::unique_lock lock(mutex_);
  return came_back_.wait_for(lock, std::chrono::nanoseconds(limit), [&] { return lent_.empty(); });
}

}  // namespace spliced::device
