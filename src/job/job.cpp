// SPDX-License-Identifier: Apache-2.0
#include "job.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace spliced::job {

using util::Nanos;

namespace {

constexpr Nanos kAskWhetherEnough = util::kSecond / 10;

// What the columns of the store know.
JobSnapshot head_of(const Listing& listing) {
  const JobSummary& summary = listing.summary;
  JobSnapshot out;
  out.id = summary.id;
  out.run_id = listing.run_id;
  out.elapsed = listing.elapsed;
  out.interruptions = listing.interruptions;
  out.sequence = summary.sequence;
  out.spec.name = summary.name;
  out.spec.destructive = summary.destructive.value_or(false);
  out.state = summary.state;
  out.verdict = summary.verdict;
  out.reason = summary.reason;
  out.created_at = summary.created_at;
  out.created_by = summary.created_by;
  out.started_at = summary.started_at;
  out.ended_at = summary.ended_at;
  return out;
}

JobSpec only_name(std::string name) {
  JobSpec spec;
  spec.name = std::move(name);
  return spec;
}

// The figures of a job that has runs, without percentiles.
JobSummary complete(JobSummary out, const Job::Runs& runs, const std::vector<State>& outcomes, Nanos now) {
  double progress = 0;
  std::uint64_t errors = 0;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto brief =
        runs[i]->snapshot(now, outcomes.empty() ? runs[i]->state_in(out.state) : outcomes[i], run::Detail::counts);
    progress += brief.progress / static_cast<double>(runs.size());
    errors += errors_of(brief);
    if (names.size() <= kListedNames) names.push_back(runs[i]->facts().name);
  }
  out.progress = std::min(progress, 1.0);
  out.errors = errors;
  out.devices = listed(names);
  out.device_count = runs.size();
  return out;
}

}  // namespace

Job::Job(std::string id, std::string run_id, JobSpec spec, std::string created_by, util::Clock& clock, Sink sink)
    : id_(std::move(id)),
      run_id_(std::move(run_id)),
      created_by_(std::move(created_by)),
      created_at_(std::chrono::system_clock::now()),
      clock_(clock),
      sink_(std::move(sink)),
      gate_(std::make_shared<run::PauseGate>(clock)),
      spec_(std::move(spec)) {}

Job::Job(Listing listing, util::Clock& clock)
    : id_(listing.summary.id),
      run_id_(listing.run_id),
      created_by_(listing.summary.created_by),
      created_at_(listing.summary.created_at),
      clock_(clock),
      sequence_(listing.summary.sequence),
      spec_(only_name(listing.summary.name)),
      now_{listing.summary.state, listing.summary.verdict, listing.summary.reason},
      ended_at_(listing.summary.ended_at),
      listing_(std::make_shared<const Listing>(std::move(listing))) {}

Job::Job(JobSnapshot known, bool paused, util::Clock& clock, Sink sink)
    : id_(known.id),
      run_id_(known.run_id),
      created_by_(known.created_by),
      created_at_(known.created_at),
      clock_(clock),
      sink_(std::move(sink)),
      gate_(std::make_shared<run::PauseGate>(clock)),
      sequence_(known.sequence),
      spec_(std::move(known.spec)),
      started_at_(known.started_at),
      elapsed_before_(known.elapsed.value_or(0)),
      interruptions_(std::move(known.interruptions)) {
  now_.state = State::queued;
  if (paused) gate_->close();
}

void Job::set_runs(Runs runs) {
  const std::lock_guard lock(mutex_);
  runs_ = std::move(runs);
}

void Job::set_reservation(plan::Reservation reservation) {
  const std::lock_guard lock(mutex_);
  reservation_ = std::move(reservation);
}

std::optional<plan::Reservation> Job::reservation() const {
  const std::lock_guard lock(mutex_);
  return reservation_;
}

JobSpec Job::spec() const {
  const std::lock_guard lock(mutex_);
  return spec_;
}

void Job::wait_in_queue() {
  const std::lock_guard lock(mutex_);
  now_.state = State::queued;
}

bool Job::replace_waiting(std::size_t device, const std::shared_ptr<run::Run>& run) {
  const std::lock_guard lock(mutex_);
  if (now_.state == State::stopping || is_final(now_.state) || leaves_) return false;
  if (device >= runs_.size() || runs_[device]->finished()) return false;
  runs_[device] = run;
  return true;
}

void Job::set_waiting(std::size_t position, std::string reason) {
  const std::lock_guard lock(mutex_);
  position_ = position;
  waiting_reason_ = std::move(reason);
}

bool Job::is_left() const {
  const std::lock_guard lock(mutex_);
  return left_;
}

bool Job::is_to_be_left() const {
  const std::lock_guard lock(mutex_);
  return leaves_;
}

void Job::leave(const std::function<void()>& also) {
  const std::lock_guard lock(mutex_);
  left_ = true;
  ended_now_ = clock_.now();
  now_.state = before_stop_;
  record_locked(true);
  also();
}

void Job::record_progress() {
  const std::lock_guard lock(mutex_);
  if (!is_final(now_.state) && now_.state != State::stopping) record_locked();
}

void Job::record_locked(bool is_last) {
  Change change;
  change.job = id_;
  change.state = now_.state;
  change.record = view_locked();
  change.silent = true;
  if (is_last) change.ended = shared_from_this();
  sink_(std::move(change));
}

void Job::publish(EventKind kind) {
  const std::string name = spec_.name.empty() ? "unnamed" : spec_.name;
  Change change{id_, now_.state, now_.verdict, now_.reason, {}, false, {}, {}, kind};
  if (now_.state != State::stopping) change.record = view_locked();
  change.log_line = fmt::format("job {} ({}): {}{}", id_, name, state_name(now_.state),
                                now_.reason.empty() ? "" : ": " + now_.reason);
  if (is_final(now_.state)) change.ended = shared_from_this();
  sink_(std::move(change));
}

void Job::begin() {
  const std::lock_guard lock(mutex_);
  if (now_.state != State::queued && now_.state != State::pending) return;  // a device has begun before
  const WallTime now = std::chrono::system_clock::now();
  if (!started_at_) started_at_ = now;
  started_now_ = clock_.now();
  if (!interruptions_.empty() && !interruptions_.back().until) interruptions_.back().until = now;
  position_ = 0;
  now_.transition(State::running);
  publish();
  if (gate_->closed()) {
    now_.transition(State::paused);
    publish(EventKind::pause);
  }
  if (!cancel_requested_) return;
  before_stop_ = now_.state;
  now_.transition(State::stopping);
  publish();
}

void Job::stop(State becomes) {
  const std::lock_guard lock(mutex_);
  if (now_.state != State::running && now_.state != State::paused && now_.state != State::queued) return;
  now_.stop_state = becomes;
  before_stop_ = now_.state;
  // What has not begun is not interrupted.
  leaves_ = becomes == State::interrupted && (spec_.on_restart == plan::OnRestart::resume || !started_at_);
  now_.transition(State::stopping);
  publish();
}

void Job::cancel() {
  {
    const std::lock_guard lock(mutex_);
    if (now_.state == State::pending) cancel_requested_ = true;
  }
  stop(State::cancelled);
}

util::Status Job::pause_or_resume(State wanted) {
  const std::lock_guard lock(mutex_);
  if (now_.state == wanted) return {};
  if (!may_follow(now_.state, wanted) || now_.state == State::pending || now_.state == State::queued) {
    return util::refuse(
        util::Reason::not_running,
        fmt::format("job {} is {}; only one that is RUNNING can be paused, and one that is PAUSED resumed", id_,
                    state_name(now_.state)));
  }
  wanted == State::paused ? gate_->close() : gate_->open();
  now_.transition(wanted);
  publish(wanted == State::paused ? EventKind::pause : EventKind::resume);
  return {};
}

void Job::conclude(std::vector<DeviceEnd> ends, Nanos now, WallTime ended_at,
                   const std::function<void(State, Verdict)>& also, std::vector<verdict::Peers> peers) {
  const std::lock_guard lock(mutex_);
  for (DeviceEnd& end : ends) {
    if (end.state == State::stopping) end.state = now_.stop_state;
    outcomes_.push_back(end.state);
  }
  peers_ = std::move(peers);
  ended_now_ = now;
  ended_at_ = ended_at;
  now_.conclude(ends);
  publish();
  also(now_.state, now_.verdict);
  ended_.notify_all();
}

void Job::replace_runs(JobView whole, Listing listing) {
  auto shared = std::make_shared<const Listing>(std::move(listing));
  Runs runs;  // these two are freed without the lock: it joins
  JobSpec spec = only_name(shared->summary.name);
  const std::lock_guard lock(mutex_);
  whole_ = std::move(whole);
  listing_ = std::move(shared);
  std::swap(runs_, runs);
  std::swap(spec_, spec);
}

void Job::forget_figures() {
  std::optional<JobView> gone;  // freed without the lock
  const std::lock_guard lock(mutex_);
  std::swap(gone, whole_);
}

Job::Runs Job::take_runs() {
  const std::lock_guard lock(mutex_);
  return std::exchange(runs_, {});
}

State Job::state() const {
  const std::lock_guard lock(mutex_);
  return now_.state;
}

std::optional<WallTime> Job::ended_at() const {
  const std::lock_guard lock(mutex_);
  return ended_at_;
}

Job::Runs Job::runs() const {
  const std::lock_guard lock(mutex_);
  return runs_;
}

Job::Watched Job::watched() {
  const std::lock_guard lock(mutex_);
  return {shared_from_this(), runs_, now_.state, spec_.criteria, leaves_, left_};
}

// What a head and a summary have in common.
template <class T>
void Job::describe(T& out) const {
  out.id = id_;
  out.sequence = sequence_;
  out.state = now_.state;
  out.verdict = now_.verdict;
  out.reason = now_.reason;
  out.created_at = created_at_;
  out.created_by = created_by_;
  out.started_at = started_at_;
  out.ended_at = ended_at_;
  if (now_.state == State::queued) out.reason = waiting_reason_;
  out.queue_position = position_;
}

JobSnapshot Job::header() const {
  JobSnapshot out;
  describe(out);
  out.run_id = run_id_;
  out.spec = spec_;
  out.interruptions = interruptions_;
  if (elapsed_before_ != 0) out.elapsed = elapsed_before_;
  if (started_now_ != 0) out.elapsed = elapsed_before_ + (ended_now_ != 0 ? ended_now_ : clock_.now()) - started_now_;
  return out;
}

JobView Job::view() const {
  const std::lock_guard lock(mutex_);
  return view_locked();
}

JobView Job::view_locked() const {
  if (whole_) return *whole_;
  if (listing_) return {head_of(*listing_), listing_->devices.size(), {}};
  JobView out{header(), runs_.size(), {}};
  out.device = [&clock = clock_, runs = runs_, outcomes = outcomes_, at = ended_now_, state = now_.state,
                criteria = spec_.criteria, peers = peers_](std::size_t i) {
    const Nanos now = at != 0 ? at : clock.now();
    return verdict::judged(criteria,
                           runs.at(i)->snapshot(now, outcomes.empty() ? runs[i]->state_in(state) : outcomes.at(i)),
                           i < peers.size() ? peers[i] : verdict::Peers{});
  };
  return out;
}

JobSummary Job::summary() const {
  std::unique_lock lock(mutex_);
  if (listing_) {
    const auto listing = listing_;
    lock.unlock();
    return listing->summary;
  }
  JobSummary out;
  describe(out);
  out.name = spec_.name;
  out.destructive = spec_.destructive;
  out.destroys = destroys(spec_);
  out.targets = listed(spec_.targets);
  out.target_count = spec_.targets.size();
  const Runs runs = runs_;
  const std::vector<State> outcomes = outcomes_;
  const Nanos now = ended_now_;
  lock.unlock();
  return complete(std::move(out), runs, outcomes, now != 0 ? now : clock_.now());
}

bool Job::is_on(const std::string& device) const {
  std::unique_lock lock(mutex_);
  const auto listing = listing_;
  const Runs runs = runs_;
  lock.unlock();
  const std::uint64_t key = name_key(device);
  if (listing) return std::find(listing->devices.begin(), listing->devices.end(), key) != listing->devices.end();
  return std::any_of(runs.begin(), runs.end(), [&](const auto& run) {
    return run->facts().path == device || name_key(run->facts().name) == key;
  });
}

bool Job::wait_until_ended(Nanos limit, const std::function<bool()>& enough) const {
  std::unique_lock lock(mutex_);
  const auto over = [&] { return is_final(now_.state) || enough(); };
  for (Nanos left = limit; left > 0 && !over(); left -= kAskWhetherEnough) {
    ended_.wait_for(lock, std::chrono::nanoseconds(std::min(left, kAskWhetherEnough)), over);
  }
  return is_final(now_.state);
}

}  // namespace spliced::job
