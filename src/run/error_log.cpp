// SPDX-License-Identifier: Apache-2.0
#include "error_log.h"

namespace spliced::run {

std::uint64_t ErrorLog::add(ErrorEntry entry) {
  const std::lock_guard lock(mutex_);
  ++total_;
  for (auto& known : entries_) {
    if (known.op == entry.op && known.offset == entry.offset && known.error == entry.error) {
      ++known.count;
      return total_;
    }
  }
  entry.count = 1;
  if (entries_.size() < kMaxEntries) {
    entries_.push_back(std::move(entry));
  } else {
    ++omitted_;
  }
  return total_;
}

void ErrorLog::copy_to(std::vector<ErrorEntry>& entries, std::uint64_t& omitted) const {
  const std::lock_guard lock(mutex_);
  entries = entries_;
  omitted = omitted_;
}

}  // namespace spliced::run
