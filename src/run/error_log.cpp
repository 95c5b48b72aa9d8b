// SPDX-License-Identifier: Apache-2.0
#include "error_log.h"

#include <algorithm>

namespace spliced::run {

void ErrorLog::resume(const StageSnapshot& known, const Checkpoint& from) {
  const std::lock_guard lock(mutex_);
  entries_ = known.errors;
  omitted_ = known.errors_omitted;
  known_ = entries_.size();
  DeviceTotals counted;
  for (const StreamPoint& stream : from.streams) counted.merge(stream.totals);
  std::uint64_t of_host = 0;
  for (std::size_t i = 0; i < late_.size(); ++i) {
    const std::uint64_t before = counted.ops[i].error_count();
    late_[i] = beyond(known.ops[i].errors, before);
    total_ += before + late_[i];
    of_host += counted.ops[i].errors[static_cast<std::size_t>(ErrorClass::host)];
  }
  late_of_host_ = beyond(known.host_errors, of_host);
}

void ErrorLog::add_before_to(DeviceTotals& out) const {
  const std::lock_guard lock(mutex_);
  std::uint64_t of_host = late_of_host_;
  for (std::size_t i = 0; i < late_.size(); ++i) {
    const std::uint64_t hosts = std::min(of_host, late_[i]);
    of_host -= hosts;
    out.ops[i].errors[static_cast<std::size_t>(ErrorClass::host)] += hosts;
    out.ops[i].errors[static_cast<std::size_t>(ErrorClass::other)] += late_[i] - hosts;
  }
}

std::uint64_t ErrorLog::add(ErrorEntry entry) {
  const std::lock_guard lock(mutex_);
  ++total_;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    ErrorEntry& known = entries_[i];
    if (known.op != entry.op || known.offset != entry.offset || known.error != entry.error) continue;
    std::uint64_t& late = late_[static_cast<std::size_t>(util::op_class(entry.op))];
    if (i < known_ && late != 0) {  // it is counted by the worker now
      --late;
      return --total_;
    }
    ++known.count;
    return total_;
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
