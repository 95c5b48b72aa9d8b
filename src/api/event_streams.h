// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "http/message.h"
#include "spliced/job/service.h"

namespace spliced::api {

// Those who follow what happens to jobs, by Server-Sent Events (HTML, 9.2): each hears of what happened since the event
// that it saw last, and then of what happens. None is waited for; one that does not take what it asked for is dropped.
// Thread-safe.
class EventStreams {
 public:
  static constexpr std::size_t kMost = 64;  // at the same time; beyond: 429
  static constexpr util::Nanos kProgress = util::kSecond;
  static constexpr util::Nanos kHeartbeat = 15 * util::kSecond;  // of one that hears nothing else

  // `service` must outlive it.
  explicit EventStreams(job::JobService& service);
  ~EventStreams();
  EventStreams(const EventStreams&) = delete;
  EventStreams& operator=(const EventStreams&) = delete;

  // The answer to a request for the events of one job, or with "" of all.
  [[nodiscard]] http::Response open(const http::Request& request, const std::string& job);

 private:
  struct Way {
    bool follows;  // what happens from now on, too
    bool goes_on;  // from an event that the client saw
  };
  void tell_progress(const std::stop_token& stop);
  void start();
  [[nodiscard]] http::Response begin(const std::string& job, std::uint64_t after, Way way);
  struct Stream;
  class Streams;
  class Replay;
  job::JobService& service_;
  const std::shared_ptr<Streams> streams_;
  std::shared_ptr<void> subscription_;
  std::mutex mutex_;
  std::jthread thread_;  // with the first stream; last: it uses the others
};

}  // namespace spliced::api
