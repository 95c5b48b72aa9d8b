#include "job.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace spliced::job {

bool may_follow(State from, State to) {
  if (is_final(from)) return false;
  if (is_final(to)) return true;
  return (from == State::pending && to == State::running) ||
         ((from == State::pending || from == State::running) && to == State::stopping);
}

void Job::transition(State next) {
  if (!may_follow(state, next)) {
    throw std::logic_error(fmt::format("job {}: {} cannot follow {}", id, state_name(next), state_name(state)));
  }
  state = next;
}

JobSnapshot Job::header() const {
  JobSnapshot out;
  out.id = id;
  out.spec = spec;
  out.state = state;
  out.verdict = verdict;
  out.reason = reason;
  out.created_at = created_at;
  out.started_at = started_at;
  out.ended_at = ended_at;
  return out;
}

void Job::conclude(const std::vector<State>& devices) {
  const auto is = [](State wanted) { return [wanted](State state_of_device) { return state_of_device == wanted; }; };
  const bool stopped = state == State::stopping;
  if (std::all_of(devices.begin(), devices.end(), is(State::succeeded))) {
    transition(State::succeeded);
    verdict = Verdict::pass;
  } else if (stopped) {
    transition(stop_state);
    reason = stop_state == State::interrupted ? "the daemon was stopped" : "cancelled on request";
  } else {
    transition(State::failed);
    verdict = Verdict::fail;
    reason = fmt::format("{} of {} devices failed", std::count_if(devices.begin(), devices.end(), is(State::failed)),
                         devices.size());
  }
}

}  // namespace spliced::job
