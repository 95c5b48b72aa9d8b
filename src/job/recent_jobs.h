// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <deque>
#include <mutex>
#include <utility>

#include "job_table.h"

namespace spliced::job {

// Which of the jobs that have ended keep their figures in memory: those that ended last, as many as there is room for.
// What the others did is in the store. Thread-safe.
class RecentJobs {
 public:
  // `room`: bytes.
  RecentJobs(const JobTable& table, std::size_t room) : table_(table), room_(room) {}

  // A job that has its figures, and what they take. The oldest give way.
  void keep(const JobPtr& job, std::size_t bytes);
  void drop(const JobPtr& job);  // by whoever forgets the job: those that can be asked for have the room

 private:
  const JobTable& table_;
  const std::size_t room_;
  std::mutex mutex_;                                 // guards the rest
  std::deque<std::pair<JobPtr, std::size_t>> jobs_;  // with the bytes; oldest first
  std::size_t bytes_ = 0;
};

}  // namespace spliced::job
