#include "service_impl.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <system_error>
#include <thread>
#include <utility>

#include "plan.h"

namespace spliced::job {

using util::Errc;
using util::fail;
using util::Nanos;
using util::Result;

namespace {

// RFC 9562 version 4.
std::string new_id() {
  unsigned char b[16] = {};
  if (::getrandom(b, sizeof b, 0) != static_cast<ssize_t>(sizeof b))
    throw std::system_error(errno, std::generic_category(), "getrandom");
  b[6] = static_cast<unsigned char>((b[6] & 0x0f) | 0x40);
  b[8] = static_cast<unsigned char>((b[8] & 0x3f) | 0x80);
  std::string id;
  for (std::size_t i = 0; i < sizeof b; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) id += '-';
    id += fmt::format("{:02x}", b[i]);
  }
  return id;
}

constexpr auto kStoreLimit = std::chrono::seconds(5);  // for changes on their way to the store
constexpr Nanos kAskWhetherGone = util::kSecond / 10;  // of a client in wait(), whether it is still there

}  // namespace

JobService::Impl::Impl(ServiceSetup setup)
    : setup_(std::move(setup)),
      keeper_(setup_.store, setup_.log),
      environment_{setup_.clock, setup_.log, setup_.engines, tuning_, seats_},
      last_round_(setup_.clock.now()),
      recorder_([this](const std::stop_token& stop) { record_changes(stop); }),
      supervisor_([this](const std::stop_token& stop) { supervise(stop); }) {}

JobService::Impl::~Impl() {
  supervisor_.request_stop();
  wake();
  recorder_.request_stop();
}

util::Status JobService::Impl::restore() {
  auto stored = setup_.store.load(setup_.limits.kept_jobs + setup_.limits.running_jobs);
  if (!stored) return tl::unexpected(stored.error());
  for (StoredJob& record : *stored) {
    if (!is_final(record.state)) {
      record.state = State::interrupted;
      record.reason = "the daemon ended while the job was running; what is told is what was recorded last";
      record.ended_at = record.saved_at;  // it ran on after that, but nobody knows for how long
      keeper_.put(record);
    }
    auto job = std::make_shared<Job>();
    job->id = record.id;
    job->spec.name = record.name;
    job->state = record.state;
    job->verdict = record.verdict;
    job->reason = record.reason;
    job->created_at = record.created_at;
    job->started_at = record.started_at;
    job->ended_at = record.ended_at;
    for (const auto& name : record.devices) job->ended_devices.emplace_back().facts.name = name;
    job->stored_document = std::move(record.document);
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  const std::lock_guard lock(mutex_);
  forget_oldest();
  return {};
}

Result<Reservation> JobService::Impl::reserve(const JobSpec& spec) {
  const std::lock_guard lock(mutex_);
  if (!accepting_) return fail(Errc::unavailable, "the daemon is shutting down");
  if (running_ >= setup_.limits.running_jobs) {
    return fail(Errc::exhausted, fmt::format("{} jobs are running; that is the limit", running_));
  }
  const std::size_t threads = spec.targets.size() * spec.workload.workers;
  if (threads_ + threads > setup_.limits.worker_threads) {
    return fail(Errc::exhausted, fmt::format("{} worker threads are running and this job needs {}; the limit is {}",
                                             threads_, threads, setup_.limits.worker_threads));
  }
  Reservation reservation = book(spec, setup_.limits, buffers_, pipes_);
  if (buffers_ + reservation.buffers > setup_.limits.buffer_bytes) {
    return fail(Errc::exhausted,
                fmt::format("running jobs have {} bytes of buffers and this one needs {}; the limit is {}", buffers_,
                            reservation.buffers, setup_.limits.buffer_bytes));
  }
  ++running_;
  threads_ += threads;
  if (threads_ >= kWorkersPerCpu * std::max(1U, std::thread::hardware_concurrency())) {
    reservation.first_cpu = std::exchange(next_cpu_, next_cpu_ + threads);
  }
  buffers_ += reservation.buffers;
  pipes_ += reservation.pipes;
  return reservation;
}

// Called with the lock held.
void JobService::Impl::give_back(const Reservation& reservation) {
  --running_;
  threads_ -= reservation.threads;
  buffers_ -= reservation.buffers;
  pipes_ -= reservation.pipes;
}

Result<JobSnapshot> JobService::Impl::submit(const JobSpec& spec) {
  if (!accepting_) return fail(Errc::unavailable, "the daemon is shutting down");
  const std::string id = new_id();
  auto reservation = reserve(spec);
  if (!reservation) return tl::unexpected(reservation.error());
  const auto gate = std::make_shared<StartLine>(setup_.clock);  // workers may still be leaving it when this returns
  auto job = std::make_shared<Job>();
  job->id = id;
  job->spec = spec;
  job->reservation = *reservation;
  job->created_at = std::chrono::system_clock::now();
  const auto begin = [&]() -> Result<JobSnapshot> {
    auto plan = make_plan(setup_.gate, spec, id);
    if (!plan) return tl::unexpected(plan.error());
    for (std::size_t i = 0; i < plan->devices.size(); ++i) {
      plan->devices[i].grant = reservation->grant;
      if (reservation->first_cpu) plan->devices[i].first_cpu = *reservation->first_cpu + i * spec.workload.workers;
    }
    auto runs = create_runs(id, std::move(*plan), gate);
    if (!runs) return tl::unexpected(runs.error());
    job->runs = std::move(*runs);
    return launch(job, *gate);
  };
  Result<JobSnapshot> snapshot = fail(Errc::internal, "the job did not begin");
  try {
    snapshot = begin();
  } catch (const std::exception& error) {
    snapshot = fail(Errc::internal, error.what());
  }
  if (!snapshot) abandon(job, *gate, *reservation);
  return snapshot;
}

// Takes back a job that did not come to run.
void JobService::Impl::abandon(const JobPtr& job, StartLine& gate, const Reservation& reservation) {
  gate.abort();
  const std::lock_guard lock(mutex_);
  std::erase(jobs_, job);
  for (const auto& run : job->runs) ledger_.settle(run, false, setup_.clock.now());
  job->runs.clear();  // joins
  give_back(reservation);
}

Result<std::vector<std::shared_ptr<DeviceRun>>> JobService::Impl::create_runs(const std::string& id, JobPlan plan,
                                                                              const std::shared_ptr<StartLine>& gate) {
  std::vector<std::string> names;
  for (const auto& device : plan.devices) names.push_back(device.target.facts.name);
  if (!ledger_.has_room_for(names)) {
    return fail(Errc::exhausted, fmt::format("{} devices are known; that is the limit", Ledger::kMaxDevices));
  }
  std::vector<std::shared_ptr<DeviceRun>> runs;
  for (auto& device : plan.devices) {
    auto run = DeviceRun::create(environment_, id, plan.spec, std::move(device), gate, [this] { wake(); });
    if (!run) return tl::unexpected(run.error());
    runs.push_back(std::move(*run));
  }
  return runs;
}

Result<JobSnapshot> JobService::Impl::launch(const JobPtr& job, StartLine& gate) {
  std::size_t workers = 0;
  try {
    for (const auto& run : job->runs) {
      run->start_workers();
      workers += run->worker_count();
    }
  } catch (const std::system_error& error) {
    return fail(Errc::exhausted, fmt::format("cannot start worker {}: {}", workers + 1, error.what()));
  }
  for (const auto& run : job->runs) {
    run->keep_target();
    ledger_.attach(run);
  }
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(job);
  }
  keeper_.put(record_of(show(job)));
  {
    const std::lock_guard lock(mutex_);
    const Nanos start = gate.open(workers);
    for (const auto& run : job->runs) run->began(start);
    job->started_at = std::chrono::system_clock::now();
    job->transition(State::running);
    announce(*job);
    if (job->cancel_requested) stop(*job, State::cancelled);
  }
  wake();
  return show(job);
}

JobService::Impl::JobPtr JobService::Impl::find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(jobs_.begin(), jobs_.end(), [&](auto& job) { return job->id == id; });
  return found == jobs_.end() ? nullptr : *found;
}

JobSnapshot JobService::Impl::show(const JobPtr& job) const {
  std::vector<std::shared_ptr<DeviceRun>> runs;
  JobSnapshot header;
  {
    const std::lock_guard lock(mutex_);
    header = job->header();
    runs = job->runs;
  }
  // Percentiles take a while with many devices: not under the lock.
  return with_devices(std::move(header), runs);
}

JobSnapshot JobService::Impl::with_devices(JobSnapshot out, const std::vector<std::shared_ptr<DeviceRun>>& runs) const {
  const Nanos now = setup_.clock.now();
  for (const auto& run : runs) {
    State state = out.state;
    if (run->stalled()) state = State::failed;
    if (run->finished() && out.state != State::pending) state = run->outcome(out.state);
    out.devices.push_back(run->snapshot(now, state));
  }
  return out;
}

StoredJob JobService::Impl::record_of(const JobSnapshot& snapshot) const {
  StoredJob record{snapshot.id,
                   snapshot.spec.name,
                   snapshot.state,
                   snapshot.verdict,
                   snapshot.reason,
                   snapshot.created_at,
                   snapshot.started_at,
                   snapshot.ended_at,
                   {},
                   {},
                   std::chrono::system_clock::now()};
  for (const auto& device : snapshot.devices) record.devices.push_back(device.facts.name);
  record.document = setup_.document(snapshot);
  return record;
}

Result<JobSnapshot> JobService::Impl::get(const std::string& id) const {
  const JobPtr job = find(id);
  if (!job) return fail(Errc::not_found, fmt::format("there is no job {}", id));
  return show(job);
}

Result<JobSnapshot> JobService::Impl::wait(const std::string& id, Nanos timeout,
                                           const std::function<bool()>& gone) const {
  const JobPtr job = find(id);
  if (!job) return fail(Errc::not_found, fmt::format("there is no job {}", id));
  {
    std::unique_lock lock(mutex_);
    const auto over = [&] { return is_final(job->state) || !accepting_ || (gone && gone()); };
    for (Nanos left = timeout; left > 0 && !over(); left -= kAskWhetherGone) {
      changed_.wait_for(lock, std::chrono::nanoseconds(std::min(left, kAskWhetherGone)), over);
    }
  }
  return show(job);
}

std::vector<JobSnapshot> JobService::Impl::list(const JobFilter& filter) const {
  std::vector<JobPtr> jobs;
  {
    const std::lock_guard lock(mutex_);
    for (auto job = jobs_.rbegin(); job != jobs_.rend(); ++job) {
      if (!filter.state || (*job)->state == *filter.state) jobs.push_back(*job);
    }
  }
  std::vector<JobSnapshot> out;
  for (const auto& job : jobs) {
    JobSnapshot snapshot = show(job);
    const bool wanted = filter.device.empty() ||
                        std::any_of(snapshot.devices.begin(), snapshot.devices.end(), [&](const DeviceSnapshot& d) {
                          return d.facts.name == filter.device || d.facts.path == filter.device;
                        });
    if (wanted) out.push_back(std::move(snapshot));
  }
  return out;
}

// Called with the lock held.
void JobService::Impl::stop(Job& job, State becomes) {
  job.stop_state = becomes;
  job.transition(State::stopping);
  for (const auto& run : job.runs) run->request_stop();
  announce(job);
}

Result<JobSnapshot> JobService::Impl::cancel(const std::string& id) {
  const JobPtr job = find(id);
  if (!job) return fail(Errc::not_found, fmt::format("there is no job {}", id));
  {
    const std::lock_guard lock(mutex_);
    if (job->state == State::pending) job->cancel_requested = true;
    if (job->state == State::running) stop(*job, State::cancelled);
  }
  wake();
  return show(job);
}

util::Status JobService::Impl::forget(const std::string& id) {
  {
    std::unique_lock lock(mutex_);
    // What is still on its way to the store would bring the job back there.
    if (!changed_.wait_for(lock, kStoreLimit, [&] { return changes_.empty() && !delivering_; })) {
      return fail(Errc::exhausted, "the state directory does not answer; try again later");
    }
    const auto found = std::find_if(jobs_.begin(), jobs_.end(), [&](auto& job) { return job->id == id; });
    if (found == jobs_.end()) return fail(Errc::not_found, fmt::format("there is no job {}", id));
    if (!is_final((*found)->state)) {
      return fail(Errc::conflict, fmt::format("job {} is {}; cancel it first", id, state_name((*found)->state)));
    }
    jobs_.erase(found);
  }
  if (keeper_.erase(id)) return {};
  return fail(Errc::unavailable, "the job is forgotten, but not yet in the state directory, which cannot be written");
}

Telemetry JobService::Impl::telemetry() const {
  Telemetry out;
  out.devices = ledger_.read(setup_.clock.now());
  const std::lock_guard lock(mutex_);
  for (const auto& job : jobs_) ++out.jobs[static_cast<std::size_t>(job->state)];
  out.finished = finished_;
  return out;
}

void JobService::Impl::begin_shutdown() {
  accepting_ = false;
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

bool JobService::Impl::stop_all(Nanos limit) {
  const bool all_left = stop_jobs(limit);
  if (keeper_.left() > 0) keeper_.retry();
  if (const std::size_t left = keeper_.left(); left > 0) {
    setup_.log.log(util::LogLevel::error, fmt::format("what became of {} jobs could not be recorded", left));
  }
  return all_left;
}

bool JobService::Impl::stop_jobs(Nanos limit) {
  begin_shutdown();
  std::unique_lock lock(mutex_);
  const auto done = [&] {
    // In every round: a job that was being submitted may begin only now.
    for (const auto& job : jobs_) {
      if (job->state == State::running) stop(*job, State::interrupted);
    }
    return running_ == 0 && changes_.empty() && !delivering_ && lingering_.empty();
  };
  wake();
  if (changed_.wait_for(lock, std::chrono::nanoseconds(limit), done)) return true;
  // Workers stuck in the kernel: the record says INTERRUPTED, the process will end without them.
  const std::deque<JobPtr> jobs = jobs_;
  const std::vector<Change> changes = changes_;  // of jobs that did end; the recorder may be stuck, too
  lock.unlock();
  for (const auto& change : changes) {
    if (change.record) keeper_.put(*change.record);
  }
  for (const auto& job : jobs) {
    JobSnapshot snapshot = show(job);
    if (is_final(snapshot.state)) continue;
    snapshot.state = State::interrupted;
    snapshot.reason = "the daemon was stopped while a device did not answer";
    snapshot.ended_at = std::chrono::system_clock::now();
    keeper_.put(record_of(snapshot));
  }
  return false;
}

}  // namespace spliced::job
