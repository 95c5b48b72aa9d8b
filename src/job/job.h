// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "budget.h"
#include "listing.h"
#include "run/device_run.h"
#include "spliced/access/principal.h"
#include "verdict.h"

namespace spliced::job {

// Whether a job may go from one state to another:
//   PENDING → RUNNING ⇄ PAUSED → STOPPING → SUCCEEDED | FAILED | CANCELLED | INTERRUPTED, from RUNNING to STOPPING,
//   too, and from any of the first four to a final one.
[[nodiscard]] bool may_follow(State from, State to);

// Whether somebody may submit such a job, or stop and forget this one. Error: forbidden.
[[nodiscard]] util::Status may_submit(const JobSpec& spec, const access::Principal& who);
struct Job;
[[nodiscard]] util::Status may_control(const Job& job, const access::Principal& who);

// One job. Not thread-safe: the service's mutex guards it. The runs take care of themselves.
struct Job {
  std::string id;
  std::uint64_t sequence = 0;
  JobSpec spec;
  Reservation reservation;
  State state = State::pending;
  Verdict verdict = Verdict::none;
  std::string reason;
  bool cancel_requested = false;        // before it ran
  State stop_state = State::cancelled;  // what being stopped from outside makes of it
  WallTime created_at;
  std::string created_by;  // see access::Principal; "" where it is not known
  std::optional<WallTime> started_at, ended_at;
  std::vector<std::shared_ptr<run::DeviceRun>> runs;  // until the end is recorded
  std::shared_ptr<run::PauseGate> gate;               // of all runs
  std::vector<State> outcomes;                        // of the runs, once the job has ended
  util::Nanos started_now = 0;  // when it started and ended, by the clock of the runs; 0: it did not
  util::Nanos ended_now = 0;
  std::optional<JobView> whole;            // of a job that ended a short time ago, as long as there is room
  std::shared_ptr<const Listing> listing;  // set when the end is recorded; `spec` has nothing but the name then

  // The only place where `state` changes. Throws std::logic_error on a transition that does not exist.
  void transition(State next);
  [[nodiscard]] std::string name_for_log() const { return spec.name.empty() ? "unnamed" : spec.name; }
  // Everything but the devices.
  [[nodiscard]] JobSnapshot header(util::Nanos now) const;
  // What the job as a whole came to, from what its devices did, each in a final state.
  void conclude(const std::vector<DeviceEnd>& devices);
};

}  // namespace spliced::job
