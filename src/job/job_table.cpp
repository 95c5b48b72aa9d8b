// SPDX-License-Identifier: Apache-2.0
#include "job_table.h"

#include <algorithm>
#include <utility>

namespace spliced::job {

void JobTable::restore(const JobPtr& job) {
  const std::lock_guard lock(mutex_);
  last_sequence_ = std::max(last_sequence_, job->sequence());
  jobs_.push_back(job);
  by_id_.emplace(job->id(), job);
}

void JobTable::add(const JobPtr& job) {
  const std::lock_guard lock(mutex_);
  job->set_sequence(++last_sequence_);
  jobs_.push_back(job);
  by_id_.emplace(job->id(), job);
  active_.push_back(job);
}

void JobTable::resume(const JobPtr& job) {
  restore(job);
  const std::lock_guard lock(mutex_);
  active_.push_back(job);
}

void JobTable::left() {
  const std::lock_guard lock(mutex_);
  ++left_;
  changed_.notify_all();
}

void JobTable::remove_locked(const JobPtr& job) {
  std::erase(jobs_, job);
  std::erase(active_, job);
  by_id_.erase(job->id());
  changed_.notify_all();
}

bool JobTable::remove(const JobPtr& job) {
  const std::lock_guard lock(mutex_);
  if (!by_id_.contains(job->id())) return false;
  remove_locked(job);
  return true;
}

void JobTable::ended(const JobPtr& job) {
  const std::lock_guard lock(mutex_);
  std::erase(active_, job);
  changed_.notify_all();
}

bool JobTable::is_active(const JobPtr& job) const {
  return std::find(active_.begin(), active_.end(), job) != active_.end();
}

JobPtr JobTable::find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

std::vector<JobPtr> JobTable::all() const {
  const std::lock_guard lock(mutex_);
  return {jobs_.rbegin(), jobs_.rend()};
}

std::vector<JobPtr> JobTable::active() const {
  const std::lock_guard lock(mutex_);
  return active_;
}

std::vector<JobPtr> JobTable::take_oldest(std::size_t keep, WallTime since) {
  const auto is_old = [&](const JobPtr& job) {
    const auto ended = job->ended_at();
    return ended && *ended < since;
  };
  std::vector<JobPtr> out;
  if (since != WallTime::min()) {
    for (const JobPtr& job : all()) {
      if (is_old(job)) out.push_back(job);
    }
  }
  const std::lock_guard lock(mutex_);
  std::erase_if(out, [&](const JobPtr& job) { return !by_id_.contains(job->id()); });
  for (const JobPtr& job : out) remove_locked(job);
  const std::size_t ended = jobs_.size() - active_.size();
  std::vector<JobPtr> beyond;
  for (std::size_t i = 0; beyond.size() + keep < ended && i < jobs_.size(); ++i) {
    if (!is_active(jobs_[i])) beyond.push_back(jobs_[i]);
  }
  for (const JobPtr& job : beyond) remove_locked(job);
  out.insert(out.end(), beyond.begin(), beyond.end());
  return out;
}

std::deque<JobPtr> JobTable::take_all() {
  const std::lock_guard lock(mutex_);
  by_id_.clear();
  active_.clear();
  return std::exchange(jobs_, {});
}

bool JobTable::wait_until_ended(util::Nanos limit) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::nanoseconds(limit), [this] { return active_.size() == left_; });
}

std::array<std::uint64_t, kStates> JobTable::count_states() const {
  std::array<std::uint64_t, kStates> out{};
  for (const JobPtr& job : all()) ++out[static_cast<std::size_t>(job->state())];
  return out;
}

}  // namespace spliced::job
