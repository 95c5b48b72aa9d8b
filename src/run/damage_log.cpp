// SPDX-License-Identifier: Apache-2.0
#include "damage_log.h"

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

bool DamageLog::add(Miscompare one) {
  const std::lock_guard lock(mutex_);
  const bool first = counts_[index_of(one.damage.kind)]++ == 0;
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
