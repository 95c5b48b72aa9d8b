// SPDX-License-Identifier: Apache-2.0
// From a spec to a job that runs, or to nothing.
#include <fmt/format.h>

#include <utility>

#include "plan/plan.h"
#include "service_impl.h"
#include "spliced/util/hex.h"

namespace spliced::job {

using util::Errc;
using util::fail;
using util::Nanos;
using util::Result;

namespace {

constexpr Nanos kEvidence = util::kSecond;  // for what is wrong to be on record before more is looked for
constexpr Nanos kAbandon = util::kSecond;   // for targets to be given back, so that whoever comes next finds them free

// Never the job's id: a repeat of the same job is another run.
std::string new_run_id() {
  return util::format_uuid(util::random_bytes());
}

}  // namespace

void give_grants(const plan::Reservation& reservation, run::DevicePlan& device) {
  for (std::size_t i = 0; i < device.stages.size(); ++i) {
    auto& streams = device.stages[i].streams;
    for (std::size_t k = 0; k < streams.size(); ++k) streams[k].grant = reservation.grants.at(i).at(k);
  }
}

Result<plan::Reservation> JobService::Impl::reserve(const JobSpec& spec) {
  auto reservation = quota_.reserve(spec, setup_.memory());
  // Asked again: whoever shuts down waits for what was reserved until then.
  if (reservation && !accepting_) {
    quota_.give_back(*reservation);
    return fail(Errc::unavailable, "the daemon is shutting down");
  }
  return reservation;
}

Result<Submitted> JobService::Impl::submit_once(const JobSpec& spec, const access::Principal& who, const Once& once) {
  if (auto allowed = may_submit(spec, who); !allowed) return tl::unexpected(allowed.error());
  auto turn = submissions_.begin(once, who.name);
  if (!turn) return tl::unexpected(turn.error());
  if (turn->before()) return Submitted{turn->before()->view().head, true};
  const auto job = std::make_shared<Job>(once.id.empty() ? util::random_uuid() : once.id, new_run_id(), spec, who.name,
                                         setup_.clock, [this](Change change) { journal_.note(std::move(change)); });
  auto key = turn->key_for(job->id());
  auto snapshot = submit(spec, job, key);
  if (!snapshot) return tl::unexpected(snapshot.error());
  if (key) submissions_.keep(std::move(*key));
  return Submitted{std::move(*snapshot), false};
}

Result<JobSnapshot> JobService::Impl::submit(const JobSpec& spec, const JobPtr& job,
                                             std::optional<store::StoredKey> key) {
  if (!accepting_) return fail(Errc::unavailable, "the daemon is shutting down");
  const auto places = turns_.take_places(spec.targets.size());
  if (!places) return wait_in_queue(spec, job, std::move(key));
  auto begun = begin_at_once(spec, job, key);
  if (begun || !spec.queue || begun.error().code != Errc::conflict) return begun;
  return wait_in_queue(spec, job, std::move(key));
}

Result<JobSnapshot> JobService::Impl::begin_at_once(const JobSpec& spec, const JobPtr& job,
                                                    std::optional<store::StoredKey> key) {
  auto reservation = reserve(spec);
  if (!reservation) return tl::unexpected(reservation.error());
  const auto barrier =
      std::make_shared<run::StartBarrier>(setup_.clock);  // workers may still be leaving it when this returns
  const auto begin = [&]() -> Result<JobSnapshot> {
    auto planned = plan::make_plan(setup_.admission, spec, job->id());
    if (!planned) return tl::unexpected(planned.error());
    std::vector<device::TargetFacts> targets;
    for (const run::DevicePlan& device : planned->devices) targets.push_back(device.target.facts);
    if (auto status = find_awaited(spec, targets); !status) return tl::unexpected(status.error());
    for (run::DevicePlan& device : planned->devices) give_grants(*reservation, device);
    auto runs = create_runs(job, std::move(*planned), barrier);
    if (!runs) return tl::unexpected(runs.error());
    job->set_runs(std::move(*runs));
    job->set_reservation(*reservation);
    return launch(job, *barrier, std::move(key));
  };
  Result<JobSnapshot> snapshot = fail(Errc::internal, "the job did not begin");
  try {
    snapshot = begin();
  } catch (const std::exception& error) {
    snapshot = fail(Errc::internal, error.what());
  }
  if (!snapshot) abandon(job, *barrier, *reservation);
  return snapshot;
}

// Takes back a job that did not come to run.
void JobService::Impl::abandon(const JobPtr& job, run::StartBarrier& barrier, const plan::Reservation& reservation) {
  barrier.abort();
  const Nanos end = util::system_clock().now() + kAbandon;
  const Job::Runs runs = job->take_runs();  // joined when this returns
  for (const auto& run : runs) (void)run->wait_until_finished(end - util::system_clock().now());
  (void)table_.remove(job);
  for (const auto& run : runs) registry_.add_ended(run->live(), false, setup_.clock.now());
  quota_.give_back(reservation);
}

namespace {

EventKind kind_of(run::News::Kind kind) {
  switch (kind) {
    case run::News::Kind::stage: return EventKind::stage;
    case run::News::Kind::error: return EventKind::error;
    case run::News::Kind::miscompare: break;
  }
  return EventKind::miscompare;
}

// With the job as it is by now, where something is wrong.
Change change_of(const Job& job, const std::string& device, run::News news) {
  Change out;
  out.job = job.id();
  out.state = job.state();
  out.kind = kind_of(news.kind);
  out.reason = device + ": " + news.text;
  out.place = {device, std::move(news.stage), news.offset, std::move(news.what)};
  if (out.kind != EventKind::stage && !is_final(out.state)) out.record = job.view();
  return out;
}

}  // namespace

Result<Job::Runs> JobService::Impl::create_runs(const JobPtr& job, plan::JobPlan plan,
                                                const std::shared_ptr<run::StartBarrier>& barrier) {
  std::vector<std::string> names;
  for (const auto& device : plan.devices) names.push_back(device.target.facts.name);
  if (!registry_.make_room_for(names)) {
    return fail(Errc::exhausted,
                fmt::format("jobs run on {} devices; that is the limit", totals::DeviceTotalsRegistry::kMaxDevices));
  }
  Job::Runs runs;
  for (auto& device : plan.devices) {
    auto run = create_run(job, plan.spec.name, plan.stages, std::move(device), barrier);
    if (!run) return tl::unexpected(run.error());
    runs.push_back(std::move(*run));
  }
  return runs;
}

Result<std::shared_ptr<run::DeviceRun>> JobService::Impl::create_run(
    const JobPtr& job, const std::string& name, const run::SharedStages& stages, run::DevicePlan device,
    const std::shared_ptr<run::StartBarrier>& barrier) {
  const std::size_t index = device.number;
  const std::string& id = job->id();
  const std::string device_name = device.target.facts.name;
  run::Hooks hooks;
  hooks.on_change = [this] {
    supervisor_.wake();
    turns_.wake();
  };
  hooks.on_checkpoint = [this, id, index](run::Checkpoint at) { journal_.note(id, index, std::move(at)); };
  hooks.on_figures = [this, id, index](std::size_t stage, const run::StageFigures& figures) {
    journal_.note({id, index, static_cast<int>(stage), setup_.form.write_figures(figures)});
  };
  hooks.on_over_time = [this, id, index](const run::OverTime& all) {
    journal_.note({id, index, store::StoredFigures::kOverTime, setup_.form.write_over_time(all)});
  };
  hooks.settle_checkpoint = [this, id, index] { journal_.settle(id, index); };
  hooks.on_news = [this, whose = std::weak_ptr(job), device_name](run::News news) {
    const auto there = whose.lock();
    if (!there) return;
    const bool is_evidence = news.kind != run::News::Kind::stage;
    journal_.note(change_of(*there, device_name, std::move(news)));
    if (is_evidence) (void)journal_.wait_until_delivered(kEvidence);
  };
  return run::DeviceRun::create(environment_, {id, name, job->run_id()}, stages, std::move(device), barrier,
                                job->gate(), std::move(hooks));
}

Result<JobSnapshot> JobService::Impl::launch(const JobPtr& job, run::StartBarrier& barrier,
                                             std::optional<store::StoredKey> key) {
  std::vector<std::shared_ptr<run::DeviceRun>> runs;
  for (const auto& run : job->runs()) runs.push_back(run->live());
  std::size_t waiters = 0;
  for (const auto& run : runs) {
    if (auto status = run->start(); !status) return tl::unexpected(status.error());
    waiters += run->waiters();
  }
  barrier.await(waiters);
  for (const auto& run : runs) registry_.attach(run);
  table_.add(job);
  if (auto status = journal_.accept(job->view(), std::move(key)); !status) return tl::unexpected(status.error());
  const Nanos start = barrier.set(waiters);
  for (const auto& run : runs) run->began(start);
  job->begin();
  if (!accepting_) job->stop(State::interrupted);  // after whoever shuts down told all that ran
  barrier.let_go();
  supervisor_.wake();
  // It may have ended meanwhile, and be in the store alone.
  const JobView shown = job->view();
  return shown.device ? whole(shown) : shown.head;
}

}  // namespace spliced::job
