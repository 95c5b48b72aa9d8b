// SPDX-License-Identifier: Apache-2.0
// The jobs as they are shown, listed and taken over from the store.
#include <algorithm>

#include "service_impl.h"

namespace spliced::job {

using util::Result;

util::Status JobService::Impl::restore() {
  if (auto status = events_.restore(); !status) return status;
  if (auto status = submissions_.restore(); !status) return status;
  auto stored = setup_.store.load(setup_.limits.kept_jobs + setup_.limits.running_jobs);
  if (!stored) return tl::unexpected(stored.error());
  for (store::StoredJob& record : *stored) {
    if (!is_final(summary_of(record).state)) {
      record.state = state_name(State::interrupted);
      record.reason = "the daemon ended while the job was running; what is told is what was recorded last";
      record.ended_at = record.saved_at;  // it ran on after that, but nobody knows for how long
      const Event event =
          events_.make(EventKind::state, record.id, State::interrupted, summary_of(record).verdict, record.reason);
      record.events = {EventLog::row_of(event)};
      journal_.put(record);
      events_.publish(event);
    }
    table_.restore(std::make_shared<Job>(listing_of(record), setup_.clock));
  }
  supervisor_.forget_oldest(true);
  return {};
}

Result<JobView> JobService::Impl::open(const std::string& id) const {
  const auto job = find(id);
  if (!job) return tl::unexpected(job.error());
  JobView out = (*job)->view();
  if (out.device) return out;
  return journal_.read(std::move(out));
}

// Of those beyond the page nothing is made.
JobPage JobService::Impl::list(const JobFilter& filter, const PageRange& range) const {
  JobPage out;
  for (const JobPtr& job : table_.all()) {
    if (range.before && job->sequence() >= *range.before) continue;
    if (filter.state && job->state() != *filter.state) continue;
    if (filter.active && is_final(job->state())) continue;
    if (!filter.device.empty() && !job->is_on(filter.device)) continue;
    if (out.jobs.size() == range.size) {
      out.more = true;
      break;
    }
    out.jobs.push_back(job->summary());
  }
  return out;
}

}  // namespace spliced::job
