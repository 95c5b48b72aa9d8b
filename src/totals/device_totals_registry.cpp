// SPDX-License-Identifier: Apache-2.0
#include "device_totals_registry.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace spliced::totals {

void DeviceTotalsRegistry::Record::became_another() {
  last_failed = false;
  last_verdict = verdict::Verdict::none;
  last_end.reset();
  last_completion.reset();
  engine_state = {};
}

// Called with the lock held, as all that is private here.
DeviceTotalsRegistry::Records::iterator DeviceTotalsRegistry::forget(Records::iterator record) {
  if (record->second.totals) {
    for (const run::OpTotals& op : record->second.totals->ops) {
      departed_.bytes += op.bytes;
      departed_.operations += op.operations;
      departed_.errors += op.error_count();
    }
  }
  return records_.erase(record);
}

// Devices of this machine go last: they are known without having run.
bool DeviceTotalsRegistry::forget_idle(std::size_t count, const std::vector<std::string>& but_these) {
  const std::set<std::string> kept(but_these.begin(), but_these.end());
  std::vector<Records::iterator> idle;
  for (auto record = records_.begin(); record != records_.end(); ++record) {
    if (record->second.runs.empty() && !kept.contains(record->first)) idle.push_back(record);
  }
  if (idle.size() < count) return false;
  const auto last = idle.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(idle.begin(), last, idle.end(), [](auto& a, auto& b) {
    return std::pair(a->second.registered, a->second.idle_since) <
           std::pair(b->second.registered, b->second.idle_since);
  });
  std::for_each(idle.begin(), last, [&](auto& record) { forget(record); });
  return true;
}

void DeviceTotalsRegistry::register_device(const device::TargetFacts& facts, util::Nanos now) {
  const std::lock_guard lock(mutex_);
  if (records_.size() >= kMaxDevices && !records_.contains(facts.name)) return;
  const auto [record, is_new] = records_.try_emplace(facts.name);
  if (record->second.runs.empty()) record->second.facts = std::make_shared<const device::TargetFacts>(facts);
  record->second.registered = true;
  if (is_new) record->second.idle_since = now;
}

void DeviceTotalsRegistry::follow(const std::string& name, const std::optional<device::TargetFacts>& found) {
  const std::lock_guard lock(mutex_);
  const auto record = records_.find(name);
  if (record == records_.end() || !record->second.runs.empty()) return;
  if (!found || !device::is_same_thing(*found, *record->second.facts)) record->second.became_another();
  record->second.gone = !found;
  if (found) record->second.facts = std::make_shared<const device::TargetFacts>(*found);
}

std::vector<device::TargetFacts> DeviceTotalsRegistry::idle() const {
  const std::lock_guard lock(mutex_);
  std::vector<device::TargetFacts> out;
  for (const auto& [name, record] : records_) {
    if (record.runs.empty()) out.push_back(*record.facts);
  }
  return out;
}

bool DeviceTotalsRegistry::make_room_for(const std::vector<std::string>& names) {
  const std::lock_guard lock(mutex_);
  const auto unknown = std::count_if(names.begin(), names.end(), [&](auto& name) { return !records_.contains(name); });
  const std::size_t wanted = records_.size() + static_cast<std::size_t>(unknown);
  return wanted <= kMaxDevices || forget_idle(wanted - kMaxDevices, names);
}

// Others may have come in since room was made. Where all that is known runs, the table is one longer.
void DeviceTotalsRegistry::attach(const std::shared_ptr<run::DeviceRun>& run) {
  const std::lock_guard lock(mutex_);
  const std::string& name = run->facts().name;
  if (records_.size() >= kMaxDevices && !records_.contains(name)) (void)forget_idle(1, {});
  Record& record = records_[name];
  if (record.runs.empty() && !device::is_same_thing(run->facts(), *record.facts)) record.became_another();
  record.facts = std::make_shared<const device::TargetFacts>(run->facts());
  record.gone = false;
  record.runs.push_back(run);
}

void DeviceTotalsRegistry::add_ended(const std::shared_ptr<run::DeviceRun>& run, bool failed, util::Nanos now) {
  auto totals = std::make_shared<run::DeviceTotals>();
  run->add_to(*totals);
  DeviceTelemetry last;
  run->describe(now, last);
  const std::lock_guard lock(mutex_);
  const auto found = records_.find(run->facts().name);
  if (found == records_.end() || std::erase(found->second.runs, run) == 0) return;
  Record& record = found->second;
  if (record.totals) totals->merge(*record.totals);
  record.totals = std::move(totals);
  if (last.last_completion) record.last_completion = last.last_completion;
  record.engine_state = last.engine_state;
  record.last_failed = failed;
  record.idle_since = now;
}

void DeviceTotalsRegistry::conclude(const std::string& name, verdict::Verdict verdict, run::WallTime ended) {
  const std::lock_guard lock(mutex_);
  const auto found = records_.find(name);
  if (found == records_.end()) return;
  found->second.last_verdict = verdict;
  found->second.last_end = ended;
}

void DeviceTotalsRegistry::sweep(util::Nanos now, const std::set<std::string>& present) {
  const std::lock_guard lock(mutex_);
  for (auto record = records_.begin(); record != records_.end();) {
    const auto& [name, known] = *record;
    const bool stays =
        !known.runs.empty() || now - known.idle_since < kIdleLimit || (known.registered && present.contains(name));
    record = stays ? std::next(record) : forget(record);
  }
}

DepartedTotals DeviceTotalsRegistry::departed() const {
  const std::lock_guard lock(mutex_);
  return departed_;
}

std::vector<DeviceTotalsRegistry::Record> DeviceTotalsRegistry::records() const {
  const std::lock_guard lock(mutex_);
  std::vector<Record> out;
  out.reserve(records_.size());
  for (const auto& [name, record] : records_) out.push_back(record);
  return out;
}

std::vector<DeviceTelemetry> DeviceTotalsRegistry::read(util::Nanos now) const {
  const std::vector<Record> known = records();
  std::vector<DeviceTelemetry> out;
  out.reserve(known.size());
  for (const Record& record : known) {
    DeviceTelemetry& entry = out.emplace_back();
    entry.facts = *record.facts;
    if (record.totals) entry.totals = *record.totals;
    entry.activity = record.last_failed ? run::Activity::failed : run::Activity::idle;
    entry.engine_state = record.engine_state;
    entry.gone = record.gone;
    entry.last_verdict = record.last_verdict;
    entry.last_end = record.last_end;
    entry.last_completion = record.last_completion;
    for (const auto& run : record.runs) run->add_to(entry.totals);
    if (!record.runs.empty()) record.runs.back()->describe(now, entry);
  }
  return out;
}

}  // namespace spliced::totals
