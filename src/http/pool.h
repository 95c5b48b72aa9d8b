#pragma once
#include <httplib.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace spliced::http {

// The threads of one server, with a bounded queue: a connection that finds it full is turned away at once, by the
// accepting thread, instead of waiting with its descriptor open.
class BoundedPool final : public httplib::TaskQueue {
 public:
  BoundedPool(std::string name, std::size_t threads, std::size_t queue_limit);
  void enqueue(std::function<void()> task) override;
  void shutdown() override;
  // Whether the calling thread is turning a connection away.
  [[nodiscard]] static bool turning_away();

 private:
  void work();

  const std::size_t queue_limit_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace spliced::http
