#include "ledger.h"

#include <algorithm>

namespace spliced::job {

Ledger::Record& Ledger::record_for(const device::TargetFacts& facts) {
  Record& record = records_[facts.name];
  record.facts = facts;
  return record;
}

void Ledger::introduce(const device::TargetFacts& facts) {
  const std::lock_guard lock(mutex_);
  record_for(facts);
}

bool Ledger::has_room_for(const std::vector<std::string>& names) const {
  const std::lock_guard lock(mutex_);
  const auto unknown = std::count_if(names.begin(), names.end(), [&](auto& name) { return !records_.contains(name); });
  return records_.size() + static_cast<std::size_t>(unknown) <= kMaxDevices;
}

void Ledger::attach(const std::shared_ptr<DeviceRun>& run) {
  const std::lock_guard lock(mutex_);
  record_for(run->facts()).runs.push_back(run);
}

void Ledger::settle(const std::shared_ptr<DeviceRun>& run, bool failed, util::Nanos now) {
  const std::lock_guard lock(mutex_);
  Record& record = record_for(run->facts());
  run->add_to(record.totals);
  DeviceTelemetry last;
  run->describe(now, last);
  if (last.last_completion) record.last_completion = last.last_completion;
  record.pipe_size_bytes = last.pipe_size_bytes;
  std::erase(record.runs, run);
  record.last_failed = failed;
}

std::vector<DeviceTelemetry> Ledger::read(util::Nanos now) const {
  const std::lock_guard lock(mutex_);
  std::vector<DeviceTelemetry> out;
  out.reserve(records_.size());
  for (const auto& [name, record] : records_) {
    DeviceTelemetry& entry = out.emplace_back();
    entry.facts = record.facts;
    entry.totals = record.totals;
    entry.activity = record.last_failed ? DeviceActivity::failed : DeviceActivity::idle;
    entry.pipe_size_bytes = record.pipe_size_bytes;
    entry.last_completion = record.last_completion;
    for (const auto& run : record.runs) run->add_to(entry.totals);
    if (!record.runs.empty()) record.runs.back()->describe(now, entry);
  }
  return out;
}

}  // namespace spliced::job
