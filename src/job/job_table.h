// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "job.h"

namespace spliced::job {

using JobPtr = std::shared_ptr<Job>;

// The jobs that can be asked for, in their order. Thread-safe; a job that it gives may be forgotten meanwhile.
class JobTable {
 public:
  void restore(const JobPtr& job);  // one that has ended, with its place in the order; the oldest first
  void add(const JobPtr& job);      // one that has not: the newest
  bool remove(const JobPtr& job);   // whether it was there
  void ended(const JobPtr& job);    // it counts among the ended ones from now on
  void resume(const JobPtr& job);   // one that an earlier daemon began, with its place in the order
  void left();                      // one that is active is left to the next daemon

  [[nodiscard]] JobPtr find(const std::string& id) const;  // null: there is none
  [[nodiscard]] bool has(const JobPtr& job) const { return find(job->id()) == job; }
  [[nodiscard]] std::vector<JobPtr> all() const;  // the newest first
  [[nodiscard]] std::vector<JobPtr> active() const;
  // Takes the oldest of those that have ended until no more than `keep` are left, and those that ended before `since`.
  [[nodiscard]] std::vector<JobPtr> take_oldest(std::size_t keep, WallTime since = WallTime::min());
  // Takes all. They may hold on to workers.
  [[nodiscard]] std::deque<JobPtr> take_all();
  // Whether none is active, within `limit`.
  [[nodiscard]] bool wait_until_ended(util::Nanos limit) const;
  [[nodiscard]] std::array<std::uint64_t, kStates> count_states() const;

 private:
  // Called with the lock held.
  void remove_locked(const JobPtr& job);
  [[nodiscard]] bool is_active(const JobPtr& job) const;

  mutable std::mutex mutex_;  // guards the rest, for moments
  mutable std::condition_variable changed_;
  std::deque<JobPtr> jobs_;  // oldest first
  std::unordered_map<std::string, JobPtr> by_id_;
  std::vector<JobPtr> active_;  // of them
  std::size_t left_ = 0;        // of these
  std::uint64_t last_sequence_ = 0;
};

}  // namespace spliced::job
