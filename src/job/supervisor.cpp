// SPDX-License-Identifier: Apache-2.0
#include "supervisor.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "spliced/util/threads.h"

namespace spliced::job {

using util::Nanos;

namespace {

constexpr auto kRound = std::chrono::milliseconds(50);
constexpr Nanos kSweepInterval = 60 * util::kSecond;

std::vector<run::DeviceSnapshot> briefs_of(const Job::Runs& runs) {
  std::vector<run::DeviceSnapshot> out;
  for (const auto& run : runs) out.push_back(verdict::brief_of(*run));
  return out;
}

std::vector<verdict::Peers> peers_among(const std::vector<run::DeviceSnapshot>& devices) {
  std::vector<const run::DeviceSnapshot*> all;
  for (const auto& device : devices) all.push_back(&device);
  return verdict::compare_peers(all);
}

}  // namespace

Supervisor::Supervisor(Setup setup)
    : setup_(setup), last_tick_(setup_.clock.now()), thread_([this](const std::stop_token& stop) { run(stop); }) {}

void Supervisor::wake() {
  {
    const std::lock_guard lock(wake_mutex_);
    woken_ = true;
  }
  wake_.notify_one();
}

void Supervisor::stop() {
  thread_.request_stop();
  wake();
  thread_.join();
}

void Supervisor::run(const std::stop_token& stop) {
  util::name_this_thread("supervisor");
  util::raise_priority();
  while (!stop.stop_requested()) {
    tick();
    std::unique_lock lock(wake_mutex_);
    wake_.wait_for(lock, kRound, [&] { return woken_ || stop.stop_requested(); });
    woken_ = false;
  }
}

void Supervisor::tick() {
  const Nanos now = setup_.clock.now();
  last_tick_ = now;
  if (const Nanos pause = setup_.pauses.tick(now); pause != 0) {
    setup_.log.log(
        util::LogLevel::warning,
        fmt::format("the daemon did not run for {:.1f} s: deadlines are moved, and what spans that time is in "
                    "no latency",
                    static_cast<double>(pause) / 1e9));
  }
  forget_oldest(false);
  for (const JobPtr& job : setup_.table.active()) {
    const Job::Watched seen = job->watched();
    if (seen.state == State::pending || is_final(seen.state) || seen.left) continue;
    if (poll_job(seen, now)) finalize(seen, now);
  }
  poll_lingering(now);
  sweep(now);
}

void Supervisor::forget_oldest(bool also_by_age) {
  const WallTime since = also_by_age && setup_.kept_time != 0
                             ? std::chrono::system_clock::now() - std::chrono::nanoseconds(setup_.kept_time)
                             : WallTime::min();
  std::vector<std::string> ids;
  for (const JobPtr& job : setup_.table.take_oldest(setup_.kept_jobs, since)) {
    setup_.recent.drop(job);
    ids.push_back(job->id());
  }
  if (!ids.empty()) setup_.journal.forget(std::move(ids));
}

// Names in sysfs are all that is looked at: a path could hang.
void Supervisor::sweep(Nanos now) {
  if (now - last_sweep_ < kSweepInterval) return;
  last_sweep_ = now;
  const auto present = setup_.admission.block_names();
  setup_.registry.sweep(now, {present.begin(), present.end()});
  forget_oldest(true);
}

// Whether the job is over.
bool Supervisor::poll_job(const Job::Watched& job, Nanos now) {
  for (const auto& run : job.runs) {
    run->check_stall(now);
    run->sample(now);
    if (job.leaves) run->leave_for_later();
    if (job.state == State::stopping) run->request_stop();
    // A wake-up that comes just before a worker enters its system call is lost, hence in every round.
    if (job.state == State::stopping || run->failed()) run->wake_workers();
  }
  return std::all_of(job.runs.begin(), job.runs.end(), [](auto& run) { return run->finished() || run->stalled(); });
}

// Adding up what a thousand devices did takes a while: it is only decided what became of the job. Its figures are made
// by the journal. When anybody sees that it is over, it has been told to the journal, and what it had is given back.
void Supervisor::finalize(const Job::Watched& over, Nanos now) {
  Job::Runs stuck;
  std::vector<DeviceEnd> ends;
  const WallTime ended = std::chrono::system_clock::now();
  const std::vector<run::DeviceSnapshot> briefs = briefs_of(over.runs);
  const std::vector<verdict::Peers> peers = peers_among(briefs);
  for (std::size_t i = 0; i < over.runs.size(); ++i) {
    const auto& run = over.runs[i];
    if (!run->finished()) stuck.push_back(run);
    add_ended(run, run->failed(), now);
    ends.push_back(verdict::end_of(*run, briefs[i], over.criteria, peers[i]));
    if (run->live() && !over.leaves) setup_.registry.conclude(run->facts().name, ends.back().verdict, ended);
  }
  {
    const std::lock_guard lock(mutex_);
    lingering_.insert(lingering_.end(), stuck.begin(), stuck.end());
  }
  const auto give_back = [&, reservation = over.job->reservation()] {
    if (reservation) setup_.quota.give_back(*reservation);
  };
  const bool some_stopped =
      std::any_of(ends.begin(), ends.end(), [](const DeviceEnd& end) { return end.state == State::stopping; });
  if (over.leaves && some_stopped) {
    return over.job->leave([&] {
      give_back();
      setup_.table.left();
    });
  }
  over.job->conclude(
      std::move(ends), now, ended,
      [&](State state, Verdict verdict) {
        give_back();
        setup_.table.ended(over.job);
        const std::lock_guard lock(mutex_);
        ++finished_[static_cast<std::size_t>(state)][static_cast<std::size_t>(verdict)];
      },
      peers);
}

void Supervisor::add_ended(const std::shared_ptr<run::Run>& run, bool failed, Nanos now) {
  const auto live = run->finished() ? run->live() : nullptr;
  if (live) setup_.registry.add_ended(live, failed, now);
}

void Supervisor::poll_lingering(Nanos now) {
  Job::Runs back;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& run : lingering_) {
      run->wake_workers();
      if (run->finished()) back.push_back(run);
    }
  }
  if (back.empty()) return;
  for (const auto& run : back) add_ended(run, true, now);
  const std::lock_guard lock(mutex_);
  std::erase_if(lingering_, [&](const auto& run) { return std::find(back.begin(), back.end(), run) != back.end(); });
  came_back_.notify_all();
}

bool Supervisor::wait_until_none_lingers(Nanos limit) {
  std::unique_lock lock(mutex_);
  return came_back_.wait_for(lock, std::chrono::nanoseconds(limit), [this] { return lingering_.empty(); });
}

EndCounts Supervisor::finished() const {
  const std::lock_guard lock(mutex_);
  return finished_;
}

Job::Runs Supervisor::take_lingering() {
  const std::lock_guard lock(mutex_);
  return std::exchange(lingering_, {});
}

}  // namespace spliced::job
