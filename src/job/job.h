#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "budget.h"
#include "device_run.h"

namespace spliced::job {

// Whether a job may go from one state to another:
//   PENDING → RUNNING → STOPPING → SUCCEEDED | FAILED | CANCELLED | INTERRUPTED, any of the first three to a final one.
[[nodiscard]] bool may_follow(State from, State to);

// What one device of a job came to.
struct DeviceEnd {
  std::string name;
  State state = State::succeeded;
  Verdict verdict = Verdict::none;
  std::string reason;
};

// One job. Not thread-safe: the service's mutex guards it. The runs take care of themselves.
struct Job {
  std::string id;
  JobSpec spec;
  Reservation reservation;
  State state = State::pending;
  Verdict verdict = Verdict::none;
  std::string reason;
  bool cancel_requested = false;        // before it ran
  State stop_state = State::cancelled;  // what being stopped from outside makes of it
  WallTime created_at;
  std::optional<WallTime> started_at, ended_at;
  std::vector<std::shared_ptr<DeviceRun>> runs;  // empty once the job has ended
  std::vector<DeviceSnapshot> ended_devices;     // filled when the job ends
  std::string stored_document;

  // The only place where `state` changes. Throws std::logic_error on a transition that does not exist.
  void transition(State next);
  [[nodiscard]] std::string name_for_log() const { return spec.name.empty() ? "unnamed" : spec.name; }
  // Everything but the devices that are still running.
  [[nodiscard]] JobSnapshot header() const;
  // Whether every device has come to an end of its own or is stuck.
  [[nodiscard]] bool all_ended() const;
  // What the job as a whole came to, from what its devices did, each in a final state.
  void conclude(const std::vector<DeviceEnd>& devices);
};

}  // namespace spliced::job
