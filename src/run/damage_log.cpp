// SPDX-License-Identifier: Apache-2.0
#include "damage_log.h"

#include <algorithm>

namespace spliced::run {
namespace {

std::size_t index_of(verify::Kind kind) {
  return static_cast<std::size_t>(kind);
}

// By how much the data lies behind where it belongs.
std::optional<std::int64_t> shift_of(const verify::IntervalDamage& damage) {
  if (damage.kind != verify::Kind::misdirected) return std::nullopt;
  if (damage.shift != 0) return damage.shift;
  if (!damage.found) return std::nullopt;
  return static_cast<std::int64_t>(damage.expected.offset - damage.found->offset);
}

}  // namespace

bool DamageLog::claim_triangulation(verify::Kind kind) {
  const std::lock_guard lock(mutex_);
  return triangulated_[index_of(kind)]++ < kMostTriangulated;
}

void DamageLog::resume(const VerifySnapshot& known, const Checkpoint& from) {
  const std::lock_guard lock(mutex_);
  VerifyTotals counted;
  for (const StreamPoint& stream : from.streams) counted.merge(stream.totals.verify);
  for (std::size_t i = 0; i < late_.mismatches.size(); ++i) {
    late_.mismatches[i] = beyond(known.mismatches[i], counted.mismatches[i]);
    counts_[i] = counted.mismatches[i] + late_.mismatches[i];
  }
  for (std::size_t i = 0; i < late_.host_faults.size(); ++i) {
    late_.host_faults[i] = beyond(known.host_faults[i], counted.host_faults[i]);
  }
  late_.mismatched_bytes = beyond(known.mismatched_bytes, counted.mismatched_bytes);
  late_.bytes = late_.mismatched_bytes;  // they were judged
  entries_ = known.miscompares;
  omitted_ = known.miscompares_omitted;
  shift_ = known.shift;
  one_shift_ = counts_[index_of(verify::Kind::misdirected)] == 0 || shift_;
  for (const Miscompare& one : entries_) known_.insert(one.damage.offset);
}

void DamageLog::add_before_to(VerifyTotals& out) const {
  const std::lock_guard lock(mutex_);
  out.merge(late_);
}

// Called with the lock held. From now on it is counted by the worker.
bool DamageLog::replace_known(const Miscompare& one) {
  std::uint64_t& late = late_.mismatches[index_of(one.damage.kind)];
  if (late == 0 || known_.erase(one.damage.offset) == 0) return false;
  --late;
  --counts_[index_of(one.damage.kind)];
  const std::uint64_t bytes = std::min<std::uint64_t>(one.damage.length, late_.mismatched_bytes);
  late_.mismatched_bytes -= bytes;
  late_.bytes -= bytes;
  const auto same = std::find_if(entries_.begin(), entries_.end(),
                                 [&](const Miscompare& known) { return known.damage.offset == one.damage.offset; });
  if (same == entries_.end()) return false;
  *same = one;
  return true;
}

bool DamageLog::add(Miscompare one) {
  const std::lock_guard lock(mutex_);
  const bool again = replace_known(one);
  const bool first = counts_[index_of(one.damage.kind)]++ == 0;
  if (again) return false;
  if (one.damage.kind == verify::Kind::misdirected) {
    const auto shift = shift_of(one.damage);
    one_shift_ = one_shift_ && shift && (!shift_ || *shift_ == *shift);
    shift_ = shift;
  }
  const std::size_t before = budget_.kept.load();
  if (before >= DamageBudget::kMost) {
    ++omitted_;
    return first;
  }
  budget_.kept.store(before + 1);  // a device has one stage at a time
  if (before >= DamageBudget::kMostDumps) {
    one.expected.clear();
    one.found.clear();
  }
  auto& sectors = one.damage.sectors;
  if (sectors.size() > kMostSectors) {
    one.damage.sectors_omitted = sectors.size() - kMostSectors;
    sectors = {sectors.begin(), sectors.begin() + kMostSectors};
  }
  entries_.push_back(std::move(one));
  return first;
}

void DamageLog::copy_to(VerifySnapshot& out) const {
  const std::lock_guard lock(mutex_);
  out.miscompares = entries_;
  out.miscompares_omitted = omitted_;
  if (counts_[index_of(verify::Kind::misdirected)] > 1 && one_shift_) out.shift = shift_;
}

}  // namespace spliced::run
