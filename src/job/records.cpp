// SPDX-License-Identifier: Apache-2.0
// The jobs as they are shown, listed, stored, taken over from the store and forgotten.
#include <fmt/format.h>

#include <algorithm>

#include "service_impl.h"
#include "verdict.h"

namespace spliced::job {

using util::Errc;
using util::fail;
using util::Nanos;
using util::Result;

namespace {

constexpr auto kStoreLimit = std::chrono::seconds(5);  // for changes on their way to the store

// What the columns of the store know.
JobSnapshot head_of(const JobSummary& summary) {
  JobSnapshot out;
  out.id = summary.id;
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

std::size_t errors_of(const run::DeviceSnapshot& device) {
  std::size_t errors = 0;
  for (const auto& op : device.ops) errors += op.errors;
  return errors;
}

bool is_on(const std::vector<std::shared_ptr<run::DeviceRun>>& runs, const std::string& device) {
  return std::any_of(runs.begin(), runs.end(), [&](const auto& run) {
    return run->facts().path == device || name_key(run->facts().name) == name_key(device);
  });
}

}  // namespace

util::Status JobService::Impl::restore() {
  auto stored = setup_.store.load(setup_.limits.kept_jobs + setup_.limits.running_jobs);
  if (!stored) return tl::unexpected(stored.error());
  for (store::StoredJob& record : *stored) {
    last_sequence_ = std::max(last_sequence_, record.sequence);
    if (!is_final(summary_of(record).state)) {
      record.state = state_name(State::interrupted);
      record.reason = "the daemon ended while the job was running; what is told is what was recorded last";
      record.ended_at = record.saved_at;  // it ran on after that, but nobody knows for how long
      write_behind_.put(record);
    }
    auto job = std::make_shared<Job>();
    const Listing listing = listing_of(record);
    job->id = record.id;
    job->sequence = record.sequence;
    job->spec.name = record.name;
    job->state = listing.summary.state;
    job->verdict = listing.summary.verdict;
    job->created_at = record.created_at;
    job->created_by = record.created_by;
    job->ended_at = record.ended_at;
    job->listing = std::make_shared<const Listing>(listing);
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  const std::lock_guard lock(mutex_);
  (void)forget_oldest();  // they have nothing but a line of the list
  return {};
}

JobView JobService::Impl::view(const JobPtr& job) const {
  JobView out;
  {
    const std::lock_guard lock(mutex_);
    out = view_of_locked(*job);
  }
  if (is_final(out.head.state) && !out.device) out.stored = write_behind_.document(out.head.id);
  return out;
}

// Called with the lock held: takes what is needed and reads none of it. Figures, percentiles above all, are made when
// the view is read.
JobView JobService::Impl::view_of_locked(const Job& job) const {
  if (job.whole) return *job.whole;
  if (job.listing) return {head_of(job.listing->summary), 0, {}, {}};
  JobView out{job.header(setup_.clock.now()), job.runs.size(), {}, {}};
  out.device = [&clock = setup_.clock, runs = job.runs, outcomes = job.outcomes, at = job.ended_now, state = job.state,
                criteria = job.spec.criteria](std::size_t i) {
    const Nanos now = at != 0 ? at : clock.now();
    return judged(criteria, runs.at(i)->snapshot(now, outcomes.empty() ? runs[i]->state_in(state) : outcomes.at(i)));
  };
  return out;
}

JobSnapshot JobService::Impl::show(const JobPtr& job) const {
  const JobView shown = view(job);
  JobSnapshot out = shown.head;
  for (std::size_t i = 0; i < shown.devices; ++i) out.devices.push_back(shown.device(i));
  return out;
}

Result<JobView> JobService::Impl::open(const std::string& id) const {
  const JobPtr job = find(id);
  if (!job) return fail(Errc::not_found, fmt::format("there is no job {}", id));
  return view(job);
}

store::StoredJob JobService::Impl::record_of(const JobView& view) const {
  store::StoredJob record;
  record.id = view.head.id;
  record.sequence = view.head.sequence;
  record.name = view.head.spec.name;
  record.state = state_name(view.head.state);
  record.verdict = kVerdictNames[static_cast<std::size_t>(view.head.verdict)];
  record.is_new = view.head.state == State::pending;
  record.reason = view.head.reason;
  record.created_at = view.head.created_at;
  record.created_by = view.head.created_by;
  record.started_at = view.head.started_at;
  record.ended_at = view.head.ended_at;
  record.targets = listed(view.head.spec.targets);
  record.target_count = view.head.spec.targets.size();
  record.destructive = view.head.spec.destructive;
  double progress = 0;
  std::uint64_t errors = 0;
  for (std::size_t i = 0; i < view.devices; ++i) {
    const DeviceSnapshot device = view.device(i);
    record.devices.push_back(device.facts.name);
    progress += device.progress / static_cast<double>(view.devices);
    errors += errors_of(device);
  }
  record.progress = std::min(progress, 1.0);
  record.errors = errors;
  record.document = [form = setup_.document, view] { return form(view); };
  record.saved_at = std::chrono::system_clock::now();
  return record;
}

// Called with the lock held.
JobService::Impl::Glance JobService::Impl::glance(const Job& job) const {
  if (job.listing) return {job.listing, {}, {}, {}, 0};
  Glance out{nullptr, {}, job.runs, job.outcomes, job.ended_now};
  JobSummary& summary = out.summary;
  summary.id = job.id;
  summary.sequence = job.sequence;
  summary.name = job.spec.name;
  summary.state = job.state;
  summary.verdict = job.verdict;
  summary.reason = job.reason;
  summary.created_at = job.created_at;
  summary.created_by = job.created_by;
  summary.started_at = job.started_at;
  summary.ended_at = job.ended_at;
  summary.destructive = job.spec.destructive;
  summary.destroys = destroys(job.spec);
  summary.targets = listed(job.spec.targets);
  summary.target_count = job.spec.targets.size();
  return out;
}

namespace {

// The figures of a job that has runs, without percentiles.
JobSummary complete(JobSummary out, const std::vector<std::shared_ptr<run::DeviceRun>>& runs,
                    const std::vector<State>& outcomes, Nanos now) {
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

JobSummary JobService::Impl::summary(const JobPtr& job) const {
  Glance seen;
  {
    const std::lock_guard lock(mutex_);
    seen = glance(*job);
  }
  if (seen.listing) return seen.listing->summary;
  return complete(std::move(seen.summary), seen.runs, seen.outcomes, seen.now != 0 ? seen.now : setup_.clock.now());
}

std::vector<JobSummary> JobService::Impl::list(const JobFilter& filter) const {
  std::vector<Glance> jobs;
  {
    const std::lock_guard lock(mutex_);
    for (auto job = jobs_.rbegin(); job != jobs_.rend(); ++job) {
      if (!filter.state || (*job)->state == *filter.state) jobs.push_back(glance(**job));
    }
  }
  const Nanos now = setup_.clock.now();
  const std::uint64_t key = name_key(filter.device);
  std::vector<JobSummary> out;
  for (Glance& job : jobs) {
    if (job.listing) {
      const auto& names = job.listing->devices;
      if (filter.device.empty() || std::find(names.begin(), names.end(), key) != names.end()) {
        out.push_back(job.listing->summary);
      }
    } else if (filter.device.empty() || is_on(job.runs, filter.device)) {
      out.push_back(complete(std::move(job.summary), job.runs, job.outcomes, job.now != 0 ? job.now : now));
    }
  }
  return out;
}

util::Status JobService::Impl::forget(const std::string& id, const access::Principal& who) {
  JobPtr forgotten;  // what there is of it is freed without the lock
  {
    std::unique_lock lock(mutex_);
    // What is still on its way to the store would bring the job back there.
    if (!changed_.wait_for(lock, kStoreLimit, [&] { return changes_.empty() && !delivering_; })) {
      return fail(Errc::exhausted, "the state directory does not answer; try again later");
    }
    const auto found = std::find_if(jobs_.begin(), jobs_.end(), [&](auto& job) { return job->id == id; });
    if (found == jobs_.end()) return fail(Errc::not_found, fmt::format("there is no job {}", id));
    if (auto allowed = may_control(**found, who); !allowed) return allowed;
    if (!is_final((*found)->state)) {
      return util::refuse(util::Reason::not_ended,
                          fmt::format("job {} is {}; cancel it first", id, state_name((*found)->state)));
    }
    drop_recent(*found);
    forgotten = std::move(*found);
    jobs_.erase(found);
  }
  if (forgotten_listener_) forgotten_listener_({id});
  if (write_behind_.erase(id)) return {};
  return fail(Errc::unavailable, "the job is forgotten, but not yet in the state directory, which cannot be written");
}

}  // namespace spliced::job
