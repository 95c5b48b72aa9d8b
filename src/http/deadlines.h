// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "spliced/util/clock.h"

namespace spliced::http {

// When each of many connections is to be looked at again. Belongs to one thread.
class Deadlines {
 public:
  // Replaces the one that `id` had.
  void set(std::uint64_t id, util::Nanos when) {
    clear(id);
    times_[id] = when;
    order_.emplace(when, id);
  }
  void clear(std::uint64_t id) {
    const auto found = times_.find(id);
    if (found == times_.end()) return;
    order_.erase({found->second, id});
    times_.erase(found);
  }
  // 0: `id` has none.
  [[nodiscard]] util::Nanos of(std::uint64_t id) const {
    const auto found = times_.find(id);
    return found == times_.end() ? 0 : found->second;
  }
  // The earliest; 0 when there is none.
  [[nodiscard]] util::Nanos next() const { return order_.empty() ? 0 : order_.begin()->first; }
  // Takes out and returns those that are due, the earliest first.
  [[nodiscard]] std::vector<std::uint64_t> take_due(util::Nanos now) {
    std::vector<std::uint64_t> due;
    while (!order_.empty() && order_.begin()->first <= now) {
      due.push_back(order_.begin()->second);
      times_.erase(order_.begin()->second);
      order_.erase(order_.begin());
    }
    return due;
  }

 private:
  std::map<std::uint64_t, util::Nanos> times_;
  std::set<std::pair<util::Nanos, std::uint64_t>> order_;
};

}  // namespace spliced::http
