// SPDX-License-Identifier: Apache-2.0
// The jobs as they are shown, listed and taken over from the store.
#include <fmt/format.h>

#include <algorithm>

#include "service_impl.h"

namespace spliced::job {

using util::Result;

namespace {

// Where a device goes on, of which no checkpoint was stored: at its beginning, with whatever was done in doubt.
run::Checkpoint beginning_of(const JobSpec& spec) {
  run::Checkpoint out;
  out.cursors.resize(run::streams_of(plan::leaves_of(spec).at(0).stage).size());
  out.streams.resize(out.cursors.size());
  return out;
}

std::optional<run::Checkpoint> checkpoint_in(const store::StoredCheckpoint& stored, const RecordForm& form) {
  run::Checkpoint out;
  if (!form.read_counts(stored.counts, out)) return std::nullopt;
  out.stage = stored.stage;
  out.at = stored.at;
  for (const store::StoredCursor& row : stored.cursors) {
    auto cursor = workload::unpack(row.position, row.watermark, row.above);
    if (!cursor) return std::nullopt;
    out.cursors.push_back(std::move(*cursor));
  }
  return out;
}

constexpr const char* kEndedMeanwhile =
    "the daemon ended while the job was running; what is told is what was recorded last";

// A device of a job that is gone on with. Throws std::runtime_error.
std::shared_ptr<run::IdleRun> device_of(const JobSpec& spec, DeviceSnapshot shown, bool begun,
                                        const store::StoredCheckpoint* stored, const RecordForm& form,
                                        std::optional<run::OverTime> over_time) {
  const auto given_up = [&](const std::string& why) {
    run::settle(shown, State::interrupted);
    auto out = std::make_shared<run::IdleRun>(std::move(shown), State::interrupted);
    out->end(State::interrupted, why);
    return out;
  };
  if (is_final(shown.state)) return std::make_shared<run::IdleRun>(shown, shown.state);
  if (!begun || !shown.begun) return std::make_shared<run::IdleRun>(std::move(shown));
  // A device that waits says what for.
  if (!shown.reason.empty() && shown.state != State::queued) {
    run::settle(shown, State::failed);
    return std::make_shared<run::IdleRun>(std::move(shown), State::failed);
  }
  auto at = stored == nullptr ? beginning_of(spec) : checkpoint_in(*stored, form);
  if (!at) return given_up("how far it had come was stored by another version, or is damaged");
  auto from = std::make_shared<run::Resumption>();
  from->at = std::move(*at);
  from->over_time = std::move(over_time);
  from->stages.assign(shown.stages.begin(), shown.stages.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                                       shown.stages.size(), from->at.stage + 1)));
  if (from->stages.size() < from->at.stage) return given_up("what its earlier stages came to was not stored");
  return std::make_shared<run::IdleRun>(std::move(shown), std::nullopt, std::move(from));
}

}  // namespace

util::Status JobService::Impl::restore() {
  restored_ = false;
  if (auto status = events_.restore(); !status) return status;
  if (auto status = submissions_.restore(); !status) return status;
  auto stored = setup_.store.load(setup_.limits.kept_jobs + setup_.limits.running_jobs + setup_.limits.queued_jobs);
  if (!stored) return tl::unexpected(stored.error());
  for (store::StoredJob& record : *stored) {
    if (is_final(summary_of(record).state)) {
      table_.restore(std::make_shared<Job>(listing_of(record, setup_.form.read_history(record.history)), setup_.clock));
    } else if (const auto job = resumed(record); job) {
      table_.resume(*job);
    } else {
      interrupt(std::move(record), job.error().message);
    }
  }
  supervisor_.forget_oldest(true);
  restored_at_ = setup_.clock.now();
  restored_ = true;
  if (!table_.active().empty()) turns_.begin();
  return {};
}

// What became of its devices follows from what was recorded of them, if that can be read.
void JobService::Impl::interrupt(store::StoredJob record, const std::string& why) {
  record.state = state_name(State::interrupted);
  record.reason = why;
  record.ended_at = record.saved_at;  // it ran on after that, but nobody knows for how long
  record.done = true;
  try {
    const auto stored = setup_.store.record(record.id);
    if (const auto text = stored->spec()) {
      JobView view;
      view.head.spec = setup_.form.read_spec(*text);
      view.devices = record.devices.size();
      view.device = [stored, read = setup_.form.read_device](std::size_t i) { return read(stored->device(i)); };
      const JobSnapshot ended = interrupted(view);
      record.verdict = kVerdictNames[static_cast<std::size_t>(ended.verdict)];
      record.results = results_of(view_of(ended), setup_.form);
    }
  } catch (const std::exception&) {  // then they stay as they were recorded
  }
  const Event event =
      events_.make(EventKind::state, record.id, State::interrupted, summary_of(record).verdict, record.reason);
  record.events = {EventLog::row_of(event)};
  journal_.put(record);
  events_.publish(event);
  table_.restore(std::make_shared<Job>(listing_of(record, setup_.form.read_history(record.history)), setup_.clock));
}

// Without it a job goes on all the same.
std::optional<run::OverTime> JobService::Impl::over_time_of(const std::string& id, std::size_t device) const try {
  return journal_.over_time(id, device);
} catch (const std::exception&) {
  return std::nullopt;
}

// The error says why it is not gone on with.
Result<JobPtr> JobService::Impl::resumed(const store::StoredJob& record) try {
  const auto ended = [] { return util::fail(util::Errc::conflict, kEndedMeanwhile); };
  const auto stored = setup_.store.record(record.id);
  const auto text = stored->spec();
  if (!text || record.run_id.empty()) return ended();
  JobSnapshot known;
  const JobSummary summary = summary_of(record);
  known.id = record.id;
  known.sequence = record.sequence;
  known.run_id = record.run_id;
  known.spec = setup_.form.read_spec(*text);
  known.spec.name = record.name;
  known.created_at = record.created_at;
  known.created_by = record.created_by;
  known.started_at = record.started_at;
  known.elapsed = record.elapsed;
  known.interruptions = setup_.form.read_history(record.history);
  // That one which was accepted has begun may be on record a moment later only.
  const bool begun = record.started_at.has_value() || summary.state != State::queued;
  if (begun && known.spec.on_restart != plan::OnRestart::resume) return ended();
  // Where it had not come to go on since the last time, that lasts.
  auto& interruptions = known.interruptions;
  const bool lasts = !interruptions.empty() && !interruptions.back().until;
  const bool paused = lasts ? interruptions.back().paused : summary.state == State::paused;
  if (begun && !lasts) interruptions.push_back({record.saved_at, std::nullopt, paused});
  const auto checkpoints = setup_.store.checkpoints(record.id);
  if (!checkpoints) return tl::unexpected(checkpoints.error());
  Job::Runs runs;
  for (std::size_t i = 0; i < record.devices.size(); ++i) {
    const auto at = std::find_if(checkpoints->begin(), checkpoints->end(), [&](auto& one) { return one.device == i; });
    runs.push_back(device_of(known.spec, DeviceSnapshot(setup_.form.read_device(stored->device(i))), begun,
                             at == checkpoints->end() ? nullptr : &*at, setup_.form, over_time_of(record.id, i)));
  }
  if (runs.empty() || runs.size() != known.spec.targets.size()) return ended();
  auto job = std::make_shared<Job>(std::move(known), paused, setup_.clock,
                                   [this](Change change) { journal_.note(std::move(change)); });
  job->set_runs(std::move(runs));
  return job;
} catch (const std::exception& error) {
  return util::fail(util::Errc::unavailable, fmt::format("how far it had come could not be read: {}", error.what()));
}

Result<JobView> JobService::Impl::open(const std::string& id) const {
  const auto job = find(id);
  if (!job) return tl::unexpected(job.error());
  JobView out = (*job)->view();
  if (!is_final(out.head.state)) out.head.repeat_from = journal_.checkpoints_wait_since();
  if (!out.device) {
    auto stored = journal_.read(std::move(out));
    if (!stored) return stored;
    out = std::move(*stored);
  }
  // What a stage came to that has ended lies in the store; what goes on is newer.
  const auto live = [runs = (*job)->runs()](std::size_t device) {
    return device < runs.size() ? runs[device]->live() : nullptr;
  };
  out.figures = [this, id, live](std::size_t device, std::size_t stage) {
    const auto run = live(device);
    auto now = run ? run->figures(stage) : std::nullopt;
    return now ? now : journal_.figures(id, device, stage);
  };
  out.over_time = [this, id, live](std::size_t device) {
    const auto run = live(device);
    auto now = run ? run->over_time() : std::nullopt;
    return now ? now : journal_.over_time(id, device);
  };
  return out;
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
