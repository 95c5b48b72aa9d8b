// SPDX-License-Identifier: Apache-2.0
#include "write_behind.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "kept_results.h"
#include "spliced/util/message_id.h"

namespace spliced::store {
namespace {

// Those that the store has not taken go on waiting with the newest state.
void join_events(std::vector<StoredEvent> before, std::vector<StoredEvent>& events) {
  before.insert(before.end(), events.begin(), events.end());
  const std::size_t surplus = before.size() - std::min(before.size(), WriteBehind::kKeptEvents);
  before.erase(before.begin(), before.begin() + static_cast<std::ptrdiff_t>(surplus));
  events = std::move(before);
}

}  // namespace

void WriteBehind::put(const StoredJob& record) {
  bool failing = false;
  {
    const std::lock_guard lock(mutex_);
    const auto known = pending_.find(record.id);
    // As in the store itself: what is forgotten or has ended stays so.
    if (known != pending_.end() && (known->second.erased || known->second.record.ended_at)) return;
    Entry& entry = pending_[record.id];
    kept_bytes_ -= std::exchange(entry.bytes, 0);
    auto events = std::move(entry.record.events);
    auto spec = std::move(entry.record.spec);
    entry.record = record;
    join_events(std::move(events), entry.record.events);
    if (!entry.record.spec) entry.record.spec = std::move(spec);
    ++entry.change;
    count_ = pending_.size();
    failing = failing_;
  }
  if (!failing) flush(record.id);
  keep_results_of(record.id);
}

void WriteBehind::keep_results_of(const std::string& id) {
  DeviceSource source;
  std::uint64_t change = 0;
  std::size_t room = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto found = pending_.find(id);
    if (found == pending_.end() || !found->second.record.results || found->second.bytes != 0) return;
    source = found->second.record.results;
    change = found->second.change;
    room = kKeptBytes - std::min(kept_bytes_, kKeptBytes);
  }
  const auto results = keep_results(source, room);
  const std::lock_guard lock(mutex_);
  const auto found = pending_.find(id);
  if (found == pending_.end() || found->second.change != change) return;
  found->second.record.results = nullptr;
  if (results) found->second.record.results = read_again(results);
  found->second.bytes = results ? results->bytes : 0;
  kept_bytes_ += found->second.bytes;
}

std::shared_ptr<JobRecord> WriteBehind::record(const std::string& id) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = pending_.find(id);
    if (found != pending_.end() && found->second.record.results) {
      return record_in_memory(found->second.record, store_.record(id));
    }
  }
  return store_.record(id);
}

bool WriteBehind::erase(const std::string& id, Erased how) {
  {
    const std::lock_guard lock(mutex_);
    Entry& entry = pending_[id];
    entry.erased = how;
    ++entry.change;
    kept_bytes_ -= std::exchange(entry.bytes, 0);
    entry.record.results = nullptr;
    entry.record.events.clear();
    count_ = pending_.size();
    if (failing_) return !pending_.contains(id);
  }
  flush(id);
  const std::lock_guard lock(mutex_);
  return !pending_.contains(id);
}

bool WriteBehind::is_pending(const std::string& id) {
  const std::lock_guard lock(mutex_);
  return pending_.contains(id);
}

util::Nanos WriteBehind::delay() {
  const util::Nanos now = util::system_clock().now();
  const std::lock_guard lock(mutex_);
  util::Nanos longest = 0;
  for (const auto& [id, entry] : pending_) longest = std::max(longest, now - entry.since);
  return longest;
}

void WriteBehind::retry() {
  std::vector<std::string> ids;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, entry] : pending_) ids.push_back(id);
    // Where the last time ended: one that fails slowly does not keep the others from their turn.
    std::rotate(ids.begin(), std::upper_bound(ids.begin(), ids.end(), last_tried_), ids.end());
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  for (const auto& id : ids) {
    flush(id);
    if (std::chrono::steady_clock::now() > end) return;
  }
}

void WriteBehind::flush(const std::string& id) {
  std::unique_lock lock(mutex_);
  written_.wait(lock, [&] { return !writing_.contains(id); });
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;  // another thread has written it
  const Entry entry = found->second;
  last_tried_ = id;
  writing_.insert(id);
  lock.unlock();
  const util::Status status = entry.erased ? store_.erase(id, *entry.erased) : store_.put(entry.record);
  lock.lock();
  writing_.erase(id);
  written_.notify_all();
  report_outcome(id, entry.change, status);
}

// Logged when it begins and when it is over, not for every try.
void WriteBehind::report_outcome(const std::string& id, std::uint64_t change, const util::Status& status) {
  const auto found = pending_.find(id);
  if (found != pending_.end() && status && found->second.change == change) {
    kept_bytes_ -= found->second.bytes;
    pending_.erase(found);
  }
  count_ = pending_.size();
  if (!status && !failing_) {
    failing_ = true;
    log_.log(util::LogLevel::error,
             fmt::format("{}; what is not recorded is kept and tried again", status.error().message),
             {{util::kMessageIdKey, std::string(util::message::kNotRecorded)}, {"JOB_ID", id}});
  } else if (failing_ && pending_.empty()) {
    failing_ = false;
    log_.log(util::LogLevel::notice, "the state directory takes records again");
  }
}

}  // namespace spliced::store
