// SPDX-License-Identifier: Apache-2.0
// Jobs that wait for their turn, and the turn of each of their devices.
#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "comeback.h"
#include "plan/plan.h"
#include "service_impl.h"

namespace spliced::job {

using util::Errc;
using util::fail;
using util::Nanos;
using util::Reason;
using util::Result;

namespace {

constexpr Nanos kQueueGiveBack = util::kSecond;  // for a device that did not begin to be given back

// Whether it is over by itself, perhaps. Only what was here before a restart may come back.
bool may_pass(const util::Error& error, bool resumes) {
  switch (util::reason_of(error)) {
    case Reason::limit:
    case Reason::unavailable:
    case Reason::busy:
    case Reason::hung: return true;
    case Reason::missing: return resumes;
    default: return false;
  }
}

// Whether the target is not what it was, rather than that this could not be told, or is the daemon's or the operator's
// affair.
bool is_change(const util::Error& error) {
  switch (util::reason_of(error)) {
    case Reason::limit:
    case Reason::unavailable:
    case Reason::internal:
    case Reason::busy:
    case Reason::hung:
    case Reason::cannot_open:
    case Reason::not_allowed:
    case Reason::unknown_use:
    case Reason::forbidden: return false;
    default: return true;
  }
}

run::DeviceSnapshot waiting_device(const device::TargetFacts& facts) {
  run::DeviceSnapshot out;
  out.facts = facts;
  out.state = State::queued;
  out.begun = false;
  return out;
}

}  // namespace

// A target that a job waits for is that job's, as if it had it.
util::Status JobService::Impl::find_awaited(const JobSpec& spec,
                                            const std::vector<device::TargetFacts>& targets) const {
  const auto awaited = turns_.first_awaited(targets);
  if (!awaited) return {};
  return tl::unexpected(device::refusal_error(spec.targets.at(awaited->target),
                                              {{fmt::format("is waited for by job {}", awaited->job), Reason::busy}}));
}

Result<JobSnapshot> JobService::Impl::wait_in_queue(const JobSpec& spec, const JobPtr& job,
                                                    std::optional<store::StoredKey> key) {
  const std::size_t before = turns_.waiting();
  if (before >= setup_.limits.queued_jobs) {
    return fail(Errc::exhausted, fmt::format("{} jobs wait for their turn; that is the limit", before));
  }
  try {
    turns_.begin();
  } catch (const std::system_error& error) {
    return fail(Errc::exhausted, fmt::format("cannot start a thread: {}", error.what()));
  }
  const auto targets = plan::check_to_wait(setup_.admission, spec);
  if (!targets) return tl::unexpected(targets.error());
  if (!spec.queue) {
    if (auto status = find_awaited(spec, *targets); !status) return tl::unexpected(status.error());
  }
  Job::Runs runs;
  for (const auto& facts : *targets) runs.push_back(std::make_shared<run::IdleRun>(waiting_device(facts)));
  job->set_runs(std::move(runs));
  job->wait_in_queue();
  job->set_waiting(before + 1, "");
  table_.add(job);
  const JobView view = job->view();
  if (auto status = journal_.accept(view, std::move(key)); !status) {
    (void)table_.remove(job);
    return tl::unexpected(status.error());
  }
  turns_.wake();
  return whole(view);
}

// Called from threads of the turns.
Turns::Outcome JobService::Impl::begin_device(const JobPtr& job, std::size_t device) {
  const Job::Runs runs = job->runs();
  const auto waiting = device < runs.size() ? std::dynamic_pointer_cast<run::IdleRun>(runs[device]) : nullptr;
  if (!waiting || !waiting->waits()) return Turns::Outcome::ended;
  util::Status status;
  try {
    status = try_device(job, device, *waiting);
  } catch (const std::exception& error) {
    status = fail(Errc::internal, error.what());
  }
  if (status) return Turns::Outcome::begun;
  if (!waiting->waits() || job->state() == State::stopping || is_final(job->state())) return Turns::Outcome::ended;
  const bool resumes = waiting->from() != nullptr;
  const std::string& why = status.error().message;
  const bool is_late = resumes && setup_.clock.now() - restored_at_ >= setup_.limits.resume_timeout;
  if (may_pass(status.error(), resumes) && !is_late) {
    waiting->set_reason(why);
    return Turns::Outcome::later;
  }
  waiting->end(State::interrupted, is_change(status.error()) ? "changed: " + why : "could not begin: " + why);
  setup_.log.log(util::LogLevel::error, fmt::format("{}: not gone on with: {}", waiting->facts().name, why),
                 {{"JOB_ID", job->id()}, {"DEVICE", waiting->facts().name}});
  supervisor_.wake();
  return Turns::Outcome::ended;
}

// What is asked for, of that device where it is now.
Result<JobSpec> JobService::Impl::spec_for(const JobPtr& job, std::size_t device, const run::IdleRun& waiting) const {
  JobSpec out = job->spec();
  std::string path = out.targets.at(device);
  if (const auto& from = waiting.from()) {
    auto stages = std::vector<run::StageSpec>();
    for (const plan::Leaf& leaf : plan::leaves_of(out)) stages.push_back(leaf.stage);
    const auto plans = plan::stages_on(out, waiting.facts());
    const auto origin = run::data_origin(job->run_id(), device, waiting.facts().info);
    if (const std::string misfit = run::find_misfit(from->at, stages, plans); !misfit.empty()) {
      return fail(Errc::internal, fmt::format("its checkpoint {}", misfit));
    }
    const run::History of{stages, plans, origin};
    auto found = find_again(setup_.admission, waiting.facts(),
                            {run::witnesses(of, from->at), run::first_in_flight(of, from->at)});
    if (!found) return tl::unexpected(found.error());
    path = std::move(*found);
    // Those that were not there are not to be lost; where any may be, nobody had looked.
    auto& allowed = out.overwrite_signatures;
    if (std::find(allowed.begin(), allowed.end(), "all") == allowed.end()) allowed = waiting.facts().signatures;
  }
  out.targets = {std::move(path)};
  return out;
}

util::Status JobService::Impl::try_device(const JobPtr& job, std::size_t device, run::IdleRun& waiting) {
  const auto spec = spec_for(job, device, waiting);
  if (!spec) return tl::unexpected(spec.error());
  {
    const std::lock_guard lock(reserving_);
    if (!job->reservation()) {
      JobSpec width = job->spec();
      const std::size_t most = setup_.limits.running_devices;
      if (most != 0 && width.targets.size() > most) width.targets.resize(most);
      auto reservation = reserve(width);
      if (!reservation) return tl::unexpected(reservation.error());
      job->set_reservation(std::move(*reservation));
    }
  }
  auto plan = plan::make_plan(setup_.admission, *spec, job->id());
  if (!plan) return tl::unexpected(plan.error());
  run::DevicePlan& one = plan->devices.at(0);
  one.number = device;
  one.from = waiting.from();
  give_grants(*job->reservation(), one);
  return start_device(job, std::move(*plan));
}

util::Status JobService::Impl::start_device(const JobPtr& job, plan::JobPlan plan) {
  const std::size_t device = plan.devices.at(0).number;
  const std::string name = plan.devices[0].target.facts.name;
  if (!registry_.make_room_for({name})) return fail(Errc::exhausted, "jobs run on too many devices");
  const auto barrier = std::make_shared<run::StartBarrier>(setup_.clock);
  auto run = create_run(job, plan.spec.name, plan.stages, std::move(plan.devices[0]), barrier);
  if (!run) return tl::unexpected(run.error());
  auto status = (*run)->start();
  if (status) {
    barrier->await((*run)->waiters());
    registry_.attach(*run);
    if (!job->replace_waiting(device, *run)) status = fail(Errc::conflict, "the job is over");
  }
  if (!status) {
    barrier->abort();
    (void)(*run)->wait_until_finished(kQueueGiveBack);
    registry_.add_ended(*run, false, setup_.clock.now());
    return status;
  }
  (*run)->began(barrier->set((*run)->waiters()));
  job->begin();
  job->record_progress();
  barrier->let_go();
  supervisor_.wake();
  turns_.wake();
  return {};
}

}  // namespace spliced::job
