// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "spliced/store/job_store.h"
#include "spliced/util/clock.h"
#include "spliced/util/log.h"

namespace spliced::store {

// The store, for a service that goes on when it cannot write: what it did not take is kept, the newest of each job,
// until it does; results up to kKeptBytes in all, beyond that only what a list tells of the job, and the kKeptEvents
// newest events of each. Thread-safe. put(),
// erase() and retry() may block on the disk that holds the store; once it fails, only retry() does.
class WriteBehind {
 public:
  WriteBehind(JobStore& store, util::Logger& log) : store_(store), log_(log) {}

  void put(const StoredJob& record);
  // false: it is to be tried again.
  [[nodiscard]] bool erase(const std::string& id, Erased how = Erased::forgotten);
  // What is left, for as long as a second or one write takes.
  void retry();
  static constexpr std::size_t kKeptBytes = 32 << 20;
  static constexpr std::size_t kKeptEvents = 1000;

  // What there is of the job: that which is kept, else what the store has. Does not block; reading it may.
  [[nodiscard]] std::shared_ptr<JobRecord> record(const std::string& id);
  // Whether the store has not taken the newest of this job. Does not block.
  [[nodiscard]] bool is_pending(const std::string& id);
  // How many jobs the store has not taken in their newest state. Does not block.
  [[nodiscard]] std::size_t pending() const { return count_.load(); }
  // For how long the oldest of them has been waiting; 0 without any.
  [[nodiscard]] util::Nanos delay();

 private:
  struct Entry {
    StoredJob record;
    std::size_t bytes = 0;  // of the results that are kept
    std::optional<Erased> erased = {};
    std::uint64_t change = 0;  // which one of this entry
    util::Nanos since = util::system_clock().now();
  };
  void flush(const std::string& id);
  void keep_results_of(const std::string& id);
  // Called with the lock held.
  void report_outcome(const std::string& id, std::uint64_t change, const util::Status& status);

  JobStore& store_;
  util::Logger& log_;
  std::mutex mutex_;  // guards the rest, for moments
  std::condition_variable written_;
  std::set<std::string> writing_;  // jobs: of each, one write after the other; none waits for another job's
  std::map<std::string, Entry> pending_;
  std::size_t kept_bytes_ = 0;
  std::string last_tried_;
  bool failing_ = false;
  std::atomic<std::size_t> count_{0};
};

}  // namespace spliced::store
