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

enum class EventKind : std::uint8_t {
  state,  // the job came to another; where that is a pause, or its end, it is one of the next two
  pause,
  resume,
  forgotten,
  stage,       // a device began with one
  error,       // the first of its kind in a stage of a device
  miscompare,  // the first of its kind on a device
};
inline constexpr std::array<std::string_view, 7> kEventKindNames{"state", "pause", "resume",    "forgotten",
                                                                 "stage", "error", "miscompare"};
[[nodiscard]] constexpr bool is_of_state(EventKind kind) {
  return kind == EventKind::state || kind == EventKind::pause || kind == EventKind::resume;
}

// Where something happened that is not to the job as a whole.
struct EventPlace {
  std::string device, stage;  // names
  std::uint64_t offset = 0;   // of the interval or the operation, bytes
  std::string what;           // the kind of damage, or the name of the errno
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
  EventPlace place = {};
};

inline constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

struct EventPage {
  std::vector<Event> events;  // oldest first
  bool missed = false;        // there were others before the first, which are not known any more
};

}  // namespace spliced::job
