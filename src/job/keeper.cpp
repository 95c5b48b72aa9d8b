#include "keeper.h"

#include <fmt/format.h>

#include <vector>

namespace spliced::job {

void RecordKeeper::put(const StoredJob& record) {
  const std::lock_guard lock(mutex_);
  const auto known = left_.find(record.id);
  // As in the store itself: what is forgotten or has ended stays so.
  if (known != left_.end() && (!known->second || known->second->ended_at)) return;
  left_.insert_or_assign(record.id, record);
  write(record.id);
}

void RecordKeeper::erase(const std::string& id) {
  const std::lock_guard lock(mutex_);
  left_.insert_or_assign(id, std::nullopt);
  write(id);
}

void RecordKeeper::retry() {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  for (const auto& [id, record] : left_) ids.push_back(id);
  for (const auto& id : ids) {
    write(id);
    if (failing_) return;  // so will the others
  }
}

util::Status RecordKeeper::try_to_write(const std::string& id) const {
  const auto& record = left_.at(id);
  return record ? store_.put(*record) : store_.erase(id);
}

// Logged when it begins and when it is over, not for every try.
void RecordKeeper::write(const std::string& id) {
  if (const auto status = try_to_write(id); !status) {
    if (!failing_) {
      log_.log(util::LogLevel::error,
               fmt::format("{}; what is not recorded is kept and tried again", status.error().message),
               {{"JOB_ID", id}});
    }
    failing_ = true;
  } else {
    left_.erase(id);
    if (failing_) log_.log(util::LogLevel::notice, "the state directory takes records again");
    failing_ = false;
  }
  count_ = left_.size();
}

}  // namespace spliced::job
