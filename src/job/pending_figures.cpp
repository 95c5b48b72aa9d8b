// SPDX-License-Identifier: Apache-2.0
#include "pending_figures.h"

#include <limits>
#include <utility>
#include <vector>

namespace spliced::job {

using store::StoredFigures;

PendingFigures::Noted PendingFigures::note(StoredFigures figures) {
  const Key key{figures.job, figures.device, figures.stage};
  auto body = std::make_shared<const std::string>(std::move(figures.body));
  Body old;  // goes without the lock
  const std::lock_guard lock(mutex_);
  const auto found = bodies_.find(key);
  const std::size_t before = found == bodies_.end() ? 0 : found->second->size();
  if (bytes_ - before + body->size() > kMostBytes) return Noted::lost;
  bytes_ += body->size() - before;
  if (found == bodies_.end()) {
    bodies_.emplace(key, std::move(body));
  } else {
    old = std::exchange(found->second, std::move(body));
  }
  return bytes_ > kManyBytes ? Noted::many : Noted::some;
}

void PendingFigures::commit(store::JobStore& store) {
  {
    std::unique_lock lock(mutex_);
    committed_.wait(lock, [this] { return !committing_; });
    if (bodies_.empty()) return;
    committing_ = true;
  }
  const std::shared_ptr<void> end(nullptr, [this](void*) {
    const std::lock_guard lock(mutex_);
    committing_ = false;
    committed_.notify_all();
  });
  while (commit_some(store)) {
  }
}

// Each is among those that wait until it is stored, for whoever reads. Whether there are more to be tried.
bool PendingFigures::commit_some(store::JobStore& store) {
  constexpr std::size_t kAtATime = 32;
  std::vector<std::pair<Key, Body>> taken;
  bool more = false;
  {
    const std::lock_guard lock(mutex_);
    for (auto it = bodies_.begin(); it != bodies_.end() && taken.size() < kAtATime; ++it) taken.push_back(*it);
    more = taken.size() < bodies_.size();
  }
  std::vector<StoredFigures> rows;
  for (const auto& [key, body] : taken) {
    const auto& [job, device, stage] = key;
    rows.push_back({job, device, stage, *body});
  }
  if (rows.empty() || !store.put_figures(rows)) return false;
  const std::lock_guard lock(mutex_);
  for (const auto& [key, body] : taken) {
    const auto found = bodies_.find(key);
    if (found == bodies_.end() || found->second != body) continue;  // there are newer ones
    bytes_ -= body->size();
    bodies_.erase(found);
  }
  return more;
}

void PendingFigures::forget(const std::string& job) {
  std::vector<Body> gone;  // without the lock
  const std::lock_guard lock(mutex_);
  auto it = bodies_.lower_bound({job, 0, std::numeric_limits<int>::min()});
  while (it != bodies_.end() && std::get<0>(it->first) == job) {
    bytes_ -= it->second->size();
    gone.push_back(std::move(it->second));
    it = bodies_.erase(it);
  }
}

std::optional<std::string> PendingFigures::find(const std::string& job, std::size_t device, int stage) {
  Body body;
  {
    const std::lock_guard lock(mutex_);
    const auto found = bodies_.find({job, device, stage});
    if (found == bodies_.end()) return std::nullopt;
    body = found->second;
  }
  return *body;
}

}  // namespace spliced::job
