// SPDX-License-Identifier: Apache-2.0
// What a job is at a moment, and what may become of it. Plain values.
#pragma once
#include <string>
#include <vector>

#include "spliced/job/snapshot.h"

namespace spliced::job {

// Whether a job may go from one state to another:
//   QUEUED or PENDING → RUNNING ⇄ PAUSED → STOPPING → SUCCEEDED | FAILED | CANCELLED | INTERRUPTED, from RUNNING to
//   STOPPING, too, and from any of the first four to a final one.
[[nodiscard]] bool may_follow(State from, State to);

struct JobState {
  State state = State::pending;
  Verdict verdict = Verdict::none;
  std::string reason;
  State stop_state = State::cancelled;  // what being stopped from outside makes of it

  // The only place where `state` changes. Throws std::logic_error on a transition that does not exist.
  void transition(State next);
  // What the job as a whole came to, from what its devices did, each in a final state.
  void conclude(const std::vector<DeviceEnd>& devices);
};

}  // namespace spliced::job
