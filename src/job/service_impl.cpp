// SPDX-License-Identifier: Apache-2.0
// What callers do with jobs, and the end of all of them.
#include "service_impl.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "spliced/util/text.h"

namespace spliced::job {

using util::Errc;
using util::fail;
using util::Nanos;
using util::Result;

namespace {

constexpr Nanos kLeastWait = util::kSecond / 10;  // for threads that have nothing to do but to give something back
constexpr Nanos kLastWords = util::kSecond;       // for what is to be recorded at the end
constexpr Nanos kSettle = util::kSecond;          // for what is under way when a job is paused
constexpr Nanos kStoreLimit = 2 * util::kSecond;  // for changes on their way to the store

Nanos time_until(Nanos end) {
  return std::max(Nanos{0}, end - util::system_clock().now());
}

}  // namespace

JobService::Impl::Impl(ServiceSetup setup)
    : setup_(std::move(setup)),
      events_(setup_.store),
      pauses_(setup_.clock.now(), setup_.limits.overdue),
      environment_{setup_.clock, setup_.log, setup_.engines, tuning_, pauses_, setup_.flush, &host_untrusted_},
      watch_(setup_.admission, registry_),
      quota_(setup_.limits),
      submissions_(setup_.store, table_),
      recent_(table_, setup_.limits.recent_bytes),
      journal_({setup_.clock, setup_.log, setup_.store, setup_.form, setup_.limits.checkpoint}, table_, recent_,
               events_),
      supervisor_({setup_.clock, setup_.log, setup_.admission, setup_.limits.kept_jobs, setup_.limits.kept_time,
                   pauses_, registry_, quota_, table_, recent_, journal_}),
      turns_({setup_.clock, setup_.limits.running_devices, table_,
              [this](const JobPtr& job, std::size_t device) { return begin_device(job, device); },
              [this](const device::TargetFacts& facts) {
                return facts.stack.empty() ? std::string() : setup_.admission.job_holding(facts);
              },
              [this] { return accepting() && restored_; }}) {}

JobService::Impl::~Impl() {
  turns_.stop();
  supervisor_.stop();
  journal_.stop();
  // Runs use the supervisor until they are joined, and what closes a target does. After stop_all() nothing is left to
  // close.
  (void)supervisor_.take_lingering();
  (void)table_.take_all();
  (void)setup_.admission.lookout().threads().wait_until_free(device::Lookout::kLimit);
}

// As a UUID may be written (RFC 9562, section 4): some programs do it in upper case.
Result<JobPtr> JobService::Impl::find(const std::string& id) const {
  JobPtr job = table_.find(util::lower_case(id));
  if (!job) return fail(Errc::not_found, fmt::format("there is no job {}", id));
  return job;
}

Result<JobPtr> JobService::Impl::find(const std::string& id, const access::Principal& who) const {
  auto job = find(id);
  if (!job) return job;
  if (auto allowed = may_control(**job, who); !allowed) return tl::unexpected(allowed.error());
  return job;
}

Result<JobSummary> JobService::Impl::wait(const std::string& id, Nanos timeout,
                                          const std::function<bool()>& gone) const {
  const auto job = find(id);
  if (!job) return tl::unexpected(job.error());
  (void)(*job)->wait_until_ended(timeout, [&] { return !accepting_ || (gone && gone()); });
  return (*job)->summary();
}

Result<JobSummary> JobService::Impl::cancel(const std::string& id, const access::Principal& who) {
  const auto job = find(id, who);
  if (!job) return tl::unexpected(job.error());
  (*job)->cancel();
  supervisor_.wake();
  return (*job)->summary();
}

// The answer comes when nothing is done any more, or a device has kept it waiting.
Result<JobSummary> JobService::Impl::pause(const std::string& id, const access::Principal& who) {
  const auto job = find(id, who);
  if (!job) return tl::unexpected(job.error());
  if (auto status = (*job)->pause_or_resume(State::paused); !status) return tl::unexpected(status.error());
  supervisor_.wake();
  const Job::Runs runs = (*job)->runs();
  const auto still = [&] { return std::all_of(runs.begin(), runs.end(), [](auto& run) { return run->still(); }); };
  for (const Nanos end = util::system_clock().now() + kSettle; !still() && time_until(end) > 0;) {
    for (const auto& run : runs) run->wake_workers();  // who sleeps until something is due
    std::this_thread::sleep_for(std::chrono::nanoseconds(kSettle / 200));
  }
  return (*job)->summary();
}

Result<JobSummary> JobService::Impl::resume(const std::string& id, const access::Principal& who) {
  const auto job = find(id, who);
  if (!job) return tl::unexpected(job.error());
  if (auto status = (*job)->pause_or_resume(State::running); !status) return tl::unexpected(status.error());
  supervisor_.wake();
  return (*job)->summary();
}

util::Status JobService::Impl::forget(const std::string& id, const access::Principal& who) {
  const auto job = find(id, who);
  if (!job) return tl::unexpected(job.error());
  if (const State state = (*job)->state(); !is_final(state)) {
    return util::refuse(util::Reason::not_ended, fmt::format("job {} is {}; cancel it first", id, state_name(state)));
  }
  // What is still on its way to the store would bring the job back there.
  if (!journal_.wait_until_delivered(kStoreLimit)) {
    return fail(Errc::exhausted, "the state directory does not answer; try again later");
  }
  if (!table_.remove(*job)) return fail(Errc::not_found, fmt::format("there is no job {}", id));
  recent_.drop(*job);
  journal_.forget({id});
  if (journal_.wait_until_delivered(kStoreLimit) && !journal_.is_pending(id)) return {};
  return fail(Errc::unavailable, "the job is forgotten, but not yet in the state directory, which cannot be written");
}

Telemetry JobService::Impl::telemetry() const {
  Telemetry out;
  out.devices = registry_.read(setup_.clock.now());
  out.departed = registry_.departed();
  out.jobs = table_.count_states();
  out.finished = supervisor_.finished();
  return out;
}

void JobService::Impl::begin_shutdown() {
  accepting_ = false;
  journal_.shut_down();
}

// Threads that look at devices, or close them.
bool JobService::Impl::wait_for_threads(Nanos limit) {
  device::DeviceThreads& threads = setup_.admission.lookout().threads();
  if (threads.wait_until_free(limit)) return true;
  for (const auto& [what, since] : threads.held_for(0)) {
    setup_.log.log(util::LogLevel::error,
                   fmt::format("{} keeps a thread: it has not answered for {:.1f} s; the process is gone when it does",
                               what, static_cast<double>(util::system_clock().now() - since) / 1e9),
                   {{"DEVICE", what}});
  }
  return false;
}

bool JobService::Impl::stop_all(Nanos limit) {
  const Nanos end = util::system_clock().now() + limit;
  bool all_left = stop_jobs(limit);
  all_left = wait_for_threads(std::max(time_until(end), kLeastWait)) && all_left;
  if (!all_left || journal_.pending() > 0 || journal_.has_checkpoints()) all_left = record_last_words() && all_left;
  if (const std::size_t left = journal_.pending(); left > 0) {
    setup_.log.log(util::LogLevel::error, fmt::format("what became of {} jobs could not be recorded", left));
  }
  return all_left;
}

// A job that is being submitted is stopped by whoever submits it: see launch().
bool JobService::Impl::stop_jobs(Nanos limit) {
  const Nanos end = util::system_clock().now() + limit;
  begin_shutdown();
  for (const JobPtr& job : table_.active()) job->stop(State::interrupted);
  supervisor_.wake();
  // In this order: a job gives back what it had, is told as ended, and is recorded.
  return quota_.wait_until_free(time_until(end)) && table_.wait_until_ended(time_until(end)) &&
         journal_.wait_until_delivered(time_until(end)) && journal_.wait_until_none_waits(time_until(end)) &&
         supervisor_.wait_until_none_lingers(time_until(end));
}

// On a thread that may be left behind: the state directory may hang, too.
bool JobService::Impl::record_last_words() {
  if (!last_words_) last_words_.emplace("last-words");
  return last_words_->run(
      [this] {
        record_those_that_are_stuck();
        journal_.commit_checkpoints();
        if (journal_.pending() > 0) journal_.retry();
      },
      kLastWords);
}

// Workers stuck in the kernel: the record says INTERRUPTED, the process will end without them. The journal may be
// stuck, too.
void JobService::Impl::record_those_that_are_stuck() {
  const auto active = table_.active();
  journal_.put_undelivered();
  for (const JobPtr& job : active) {
    JobView shown = job->view();
    // The next daemon goes on with those that are left to it, if the device answers by then.
    if (is_final(shown.head.state) || job->is_to_be_left()) continue;
    JobSnapshot ended = interrupted(shown);
    ended.reason = "the daemon was stopped while a device did not answer";
    ended.ended_at = std::chrono::system_clock::now();
    journal_.put_end(view_of(std::move(ended)));
  }
}

}  // namespace spliced::job
