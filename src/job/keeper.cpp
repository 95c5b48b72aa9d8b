#include "keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <vector>

namespace spliced::job {

void RecordKeeper::put(const StoredJob& record) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = left_.find(record.id);
    // As in the store itself: what is forgotten or has ended stays so.
    if (known != left_.end() && (known->second.erased || known->second.record.ended_at)) return;
    Entry& entry = left_[record.id];
    if (known == left_.end()) entry.stored = record.state != State::pending;  // the first record there is of a job
    entry.record = record;
    ++entry.change;
    count_ = left_.size();
    if (failing_) return;
  }
  flush(record.id);
}

bool RecordKeeper::erase(const std::string& id) {
  {
    const std::lock_guard lock(mutex_);
    Entry& entry = left_[id];
    entry.erased = true;
    ++entry.change;
    if (!entry.stored) left_.erase(id);
    count_ = left_.size();
    if (failing_) return !left_.contains(id);
  }
  flush(id);
  const std::lock_guard lock(mutex_);
  return !left_.contains(id);
}

util::Nanos RecordKeeper::delay() {
  const util::Nanos now = util::system_clock().now();
  const std::lock_guard lock(mutex_);
  util::Nanos longest = 0;
  for (const auto& [id, entry] : left_) longest = std::max(longest, now - entry.since);
  return longest;
}

void RecordKeeper::retry() {
  std::vector<std::string> ids;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, entry] : left_) ids.push_back(id);
    // Where the last time ended: one that fails slowly does not keep the others from their turn.
    std::rotate(ids.begin(), std::upper_bound(ids.begin(), ids.end(), last_tried_), ids.end());
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  for (const auto& id : ids) {
    flush(id);
    if (std::chrono::steady_clock::now() > end) return;
  }
}

void RecordKeeper::flush(const std::string& id) {
  const std::lock_guard one_at_a_time(writing_);
  Entry entry;
  {
    const std::lock_guard lock(mutex_);
    const auto found = left_.find(id);
    if (found == left_.end()) return;  // another thread has written it
    entry = found->second;
    last_tried_ = id;
  }
  note(id, entry.change, entry.erased ? store_.erase(id) : store_.put(entry.record));
}

// Logged when it begins and when it is over, not for every try.
void RecordKeeper::note(const std::string& id, std::uint64_t change, const util::Status& status) {
  const std::lock_guard lock(mutex_);
  const auto found = left_.find(id);
  if (found != left_.end() && status) {
    found->second.stored = true;
    if (found->second.change == change) left_.erase(found);
  }
  count_ = left_.size();
  if (!status && !failing_) {
    failing_ = true;
    log_.log(util::LogLevel::error,
             fmt::format("{}; what is not recorded is kept and tried again", status.error().message), {{"JOB_ID", id}});
  } else if (failing_ && left_.empty()) {
    failing_ = false;
    log_.log(util::LogLevel::notice, "the state directory takes records again");
  }
}

}  // namespace spliced::job
