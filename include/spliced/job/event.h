// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "spliced/job/snapshot.h"

namespace spliced::job {

enum class EventKind : std::uint8_t { state, forgotten, miscompare };
inline constexpr std::array<std::string_view, 3> kEventKindNames{"state", "forgotten", "miscompare"};

// Data on a device that is not what it should be, the first of its kind.
struct DamageEvent {
  std::string device;
  std::uint64_t offset = 0;  // of the interval, bytes
  std::string kind;
};

// What happened to a job.
struct Event {
  std::uint64_t id = 0;  // ascending, and never given twice, whatever becomes of the daemon
  WallTime at;
  EventKind kind = EventKind::state;
  std::string job;
  // What it is from now on.
  State state = State::pending;
  Verdict verdict = Verdict::none;
  std::string reason;
  DamageEvent damage = {};  // of a miscompare; in `reason` alone once it comes from the store
};

inline constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

struct EventPage {
  std::vector<Event> events;  // oldest first
  bool missed = false;        // there were others before the first, which are not known any more
};

}  // namespace spliced::job
