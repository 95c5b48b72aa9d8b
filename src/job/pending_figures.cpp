// SPDX-License-Identifier: Apache-2.0
#include "pending_figures.h"

#include <utility>
#include <vector>

namespace spliced::job {

using store::StoredFigures;

void PendingFigures::note(StoredFigures figures) {
  const std::lock_guard lock(mutex_);
  const Key key{figures.job, figures.device, figures.stage};
  if (const auto old = bodies_.find(key); old != bodies_.end()) {
    bytes_ -= old->second.size();
    bodies_.erase(old);
  }
  if (bytes_ + figures.body.size() > kMostBytes) return;
  bytes_ += figures.body.size();
  bodies_.emplace(key, std::move(figures.body));
}

// Some at a time, and each is among those that wait until it is stored, for whoever reads.
void PendingFigures::commit(store::JobStore& store) {
  constexpr std::size_t kAtATime = 1 << 20;
  for (bool more = true; more;) {
    std::vector<StoredFigures> rows;
    std::size_t bytes = 0;
    std::unique_lock lock(mutex_);
    for (auto it = bodies_.begin(); it != bodies_.end() && bytes < kAtATime; ++it) {
      const auto& [job, device, stage] = it->first;
      rows.push_back({job, device, stage, it->second});
      bytes += it->second.size();
    }
    more = rows.size() < bodies_.size();
    lock.unlock();
    if (rows.empty() || !store.put_figures(rows)) return;
    lock.lock();
    for (const StoredFigures& row : rows) {
      const auto found = bodies_.find({row.job, row.device, row.stage});
      if (found == bodies_.end() || found->second != row.body) continue;
      bytes_ -= row.body.size();
      bodies_.erase(found);
    }
  }
}

void PendingFigures::forget(const std::string& job) {
  const std::lock_guard lock(mutex_);
  std::erase_if(bodies_, [&](auto& one) {
    const bool is_of_it = std::get<0>(one.first) == job;
    if (is_of_it) bytes_ -= one.second.size();
    return is_of_it;
  });
}

std::map<int, std::string> PendingFigures::of(const std::string& job, std::size_t device) {
  std::map<int, std::string> out;
  const std::lock_guard lock(mutex_);
  for (auto it = bodies_.lower_bound({job, device, StoredFigures::kOverTime}); it != bodies_.end(); ++it) {
    const auto& [whose, which, stage] = it->first;
    if (whose != job || which != device) break;
    out.emplace(stage, it->second);
  }
  return out;
}

}  // namespace spliced::job
