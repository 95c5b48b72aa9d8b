// SPDX-License-Identifier: Apache-2.0
#include "spliced/device/claim.h"

#include <algorithm>
#include <utility>

namespace spliced::device {

bool excludes(const Stack& a, const Stack& b) {
  const auto stands_on = [](const Stack& upper, const Stack& lower) {
    return !lower.empty() && std::find(upper.begin(), upper.end(), lower.front()) != upper.end();
  };
  return stands_on(a, b) || stands_on(b, a);
}

Claim::Claim(Claim&& other) noexcept : table_(std::exchange(other.table_, nullptr)), node_(other.node_) {}

Claim& Claim::operator=(Claim&& other) noexcept {
  if (this != &other) {
    release();
    table_ = std::exchange(other.table_, nullptr);
    node_ = other.node_;
  }
  return *this;
}

void Claim::release() {
  if (table_ != nullptr) std::exchange(table_, nullptr)->give_back(node_);
}

const ClaimTable::Entry* ClaimTable::find(const Stack& stack) const {
  for (const auto& entry : entries_) {
    if (excludes(entry.stack, stack)) return &entry;
  }
  return nullptr;
}

bool ClaimTable::acquire(const Stack& stack, const std::string& job, Claim& out, std::string& holder) {
  Claim taken;
  {
    const std::lock_guard lock(mutex_);
    if (const Entry* entry = find(stack)) {
      holder = entry->job;
      return false;
    }
    entries_.push_back({stack, job, std::nullopt});
    taken = Claim(this, stack.front());
  }
  out = std::move(taken);  // gives a former claim back, which takes the lock
  return true;
}

std::string ClaimTable::holder_of(const Stack& stack) const {
  const std::lock_guard lock(mutex_);
  const Entry* entry = find(stack);
  return entry != nullptr ? entry->job : "";
}

void ClaimTable::record_lock(const NodeId& target, const NodeId& disk) {
  const std::lock_guard lock(mutex_);
  for (auto& entry : entries_) {
    if (entry.stack.front() == target) entry.locked = disk;
  }
}

bool ClaimTable::is_locked(const NodeId& disk, const NodeId& but_for) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return !(entry.stack.front() == but_for) && entry.locked && *entry.locked == disk;
  });
}

void ClaimTable::give_back(const NodeId& node) {
  Entry gone;  // freed without the lock
  const std::lock_guard lock(mutex_);
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.stack.front() == node; });
  if (found == entries_.end()) return;
  gone = std::move(*found);
  if (&*found != &entries_.back()) *found = std::move(entries_.back());
  entries_.pop_back();
}

}  // namespace spliced::device
