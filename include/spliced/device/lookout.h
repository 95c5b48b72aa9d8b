// SPDX-License-Identifier: Apache-2.0
// Looks at devices and files that may not answer: one look at a device at a time, each with a bound, none on the
// caller's thread.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "spliced/device/device_threads.h"
#include "spliced/util/result.h"

namespace spliced::device {

// Which devices are being looked at. Thread-safe.
class Looks {
 public:
  // How long others wait for a look that goes on: a device that does not answer must not fill the daemon with those who
  // ask for it.
  static constexpr util::Nanos kPatience = util::kSecond;

  // The right to look at one device, given back by the destructor. Must not outlive the table.
  class Ticket {
   public:
    Ticket(Looks* looks, std::string key) : looks_(looks), key_(std::move(key)) {}
    Ticket(Ticket&& other) noexcept : looks_(std::exchange(other.looks_, nullptr)), key_(std::move(other.key_)) {}
    Ticket& operator=(Ticket&&) = delete;
    ~Ticket() {
      if (looks_ != nullptr) looks_->end(key_);
    }

   private:
    Looks* looks_;
    std::string key_;
  };

  // Waits until nobody else looks at `key`, until `until` at the longest, and while each of the looks before takes less
  // than `patience`. Errc::conflict, saying that `what` does not answer.
  [[nodiscard]] util::Result<Ticket> begin(const std::string& key, const std::string& what, util::Nanos until,
                                           util::Nanos patience = kPatience);

 private:
  struct Entry {
    util::Nanos since = 0;
    std::size_t waiting = 0;
    bool active = false;
  };
  void end(const std::string& key);

  std::mutex mutex_;
  std::condition_variable ended_;
  std::map<std::string, Entry> entries_;
};

// What is said of a device that a look did not come back from. Errc::conflict.
[[nodiscard]] tl::unexpected<util::Error> does_not_answer(const std::string& what, util::Nanos since);

// The threads for looks, and for what goes on with a target after them. Thread-safe.
class Lookout {
 public:
  static constexpr util::Nanos kLimit = 10 * util::kSecond;  // of a look: longer than a disk takes to spin up
  static constexpr std::size_t kMaxLooks = 256;              // that have not come back

  [[nodiscard]] DeviceThreads& threads() { return threads_; }
  [[nodiscard]] Looks& looks() { return looks_; }

  // A thread on which `what` may be looked at. Errc::exhausted when too many looks have not come back.
  [[nodiscard]] util::Result<DeviceThreadPtr> thread_for(const std::string& what);

 private:
  Looks looks_;  // outlives the threads, whose tasks hold tickets
  DeviceThreads threads_;
};

// One look at `what`, under way. Given up, it goes on by itself, and its outcome is destroyed on its own thread.
template <class T>
class Look {
 public:
  using Question = std::function<util::Result<T>(const DeviceThreadPtr&)>;

  Look(Lookout& lookout, std::string what, util::Nanos until, Question question)
      : what_(std::move(what)), since_(util::system_clock().now()) {
    auto ticket = lookout.looks().begin(what_, what_, until);
    if (!ticket) {
      error_ = ticket.error();
      return;
    }
    auto thread = lookout.thread_for(what_);
    if (!thread) {
      error_ = thread.error();
      return;
    }
    const auto right = std::make_shared<Looks::Ticket>(std::move(*ticket));
    answer_.emplace(**thread, [right, thread = *thread, question = std::move(question)]() -> util::Result<T> {
      try {
        return question(thread);
      } catch (const std::exception& error) {
        return util::fail(util::Errc::internal, error.what());
      }
    });
  }

  // The outcome, none before there is one; once only.
  [[nodiscard]] std::optional<util::Result<T>> poll(util::Nanos until) {
    if (error_) return util::Result<T>(tl::unexpected(*error_));
    return answer_->wait(until);
  }
  // The outcome, or that it does not answer.
  [[nodiscard]] util::Result<T> wait(util::Nanos until) {
    if (auto outcome = poll(until)) return std::move(*outcome);
    return does_not_answer(what_, since_);
  }

 private:
  std::string what_;
  util::Nanos since_;
  std::optional<util::Error> error_;
  std::optional<Answer<util::Result<T>>> answer_;
};

// Asks the same of many devices, one after the other. One that takes longer than `patience` is left to its thread, and
// the rest goes on on another; one that somebody else looks at is left out. Returns by `until`, with what was answered.
template <class T>
[[nodiscard]] std::vector<std::optional<T>> ask_each(Lookout& lookout, const std::vector<std::string>& keys,
                                                     std::function<T(std::size_t)> question, util::Nanos patience,
                                                     util::Nanos until);

}  // namespace spliced::device

#include "spliced/device/ask_each.h"
