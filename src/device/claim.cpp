#include "spliced/device/claim.h"

#include <utility>

namespace spliced::device {

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

const ClaimTable::Entry* ClaimTable::find(const NodeId& node, const NodeId& whole) const {
  for (const auto& entry : entries_) {
    const bool is_part_of_other = entry.whole == node || whole == entry.node;
    if (entry.node == node || is_part_of_other) return &entry;
  }
  return nullptr;
}

bool ClaimTable::take(const NodeId& node, const NodeId& whole, const std::string& job, Claim& out,
                      std::string& holder) {
  const std::lock_guard lock(mutex_);
  if (const Entry* entry = find(node, whole)) {
    holder = entry->job;
    return false;
  }
  entries_.push_back({node, whole, job});
  out = Claim(this, node);
  return true;
}

std::string ClaimTable::holder_of(const NodeId& node, const NodeId& whole) const {
  const std::lock_guard lock(mutex_);
  const Entry* entry = find(node, whole);
  return entry != nullptr ? entry->job : "";
}

void ClaimTable::give_back(const NodeId& node) {
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const Entry& entry) { return entry.node == node; });
}

}  // namespace spliced::device
