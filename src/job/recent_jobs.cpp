// SPDX-License-Identifier: Apache-2.0
#include "recent_jobs.h"

#include <algorithm>
#include <vector>

namespace spliced::job {

void RecentJobs::keep(const JobPtr& job, std::size_t bytes) {
  if (!table_.has(job)) return;  // forgotten meanwhile
  std::vector<JobPtr> gone;
  {
    const std::lock_guard lock(mutex_);
    jobs_.emplace_back(job, bytes);
    bytes_ += bytes;
    while (bytes_ > room_) {
      gone.push_back(std::move(jobs_.front().first));
      bytes_ -= jobs_.front().second;
      jobs_.pop_front();
    }
  }
  for (const JobPtr& old : gone) old->forget_figures();
  if (!table_.has(job)) drop(job);  // only just now
}

void RecentJobs::drop(const JobPtr& job) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(jobs_.begin(), jobs_.end(), [&](const auto& one) { return one.first == job; });
  if (found == jobs_.end()) return;
  bytes_ -= found->second;
  jobs_.erase(found);
}

}  // namespace spliced::job
