// SPDX-License-Identifier: Apache-2.0
// How far a device has come, noted while it works. All of it on the target's thread.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

#include "device_run.h"
#include "stage_watch.h"

namespace spliced::run {

using util::Nanos;

namespace {

constexpr std::uint64_t kSlowestDisk = 10'000'000;  // bytes per second

// The kernel holds writers up long before (vm.dirty_ratio, 20 % of what is free).
std::uint64_t most_that_is_dirty() {
  const long pages = ::sysconf(_SC_PHYS_PAGES), bytes = ::sysconf(_SC_PAGESIZE);
  return static_cast<std::uint64_t>(std::max(0L, pages)) * static_cast<std::uint64_t>(std::max(0L, bytes)) / 4;
}

// There are file systems that have no such call; that is no fault of what was written.
bool is_no_call(int error) {
  return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP;
}

const OpTotals& of(const DeviceTotals& totals, util::OpClass op) {
  return totals.ops[static_cast<std::size_t>(op)];
}
std::uint64_t writes_of(const DeviceTotals& totals) {
  return of(totals, util::OpClass::write).operations + of(totals, util::OpClass::trim).operations;
}

}  // namespace

// Workers that are told that it is enough may miss that just before they go to sleep: they are told again.
void DeviceRun::await_stage() {
  constexpr Nanos kTellAgain = util::kSecond / 20;
  util::Clock& clock = environment_.clock;
  StageWatch watch(current_spec(), *current_, *gate_, environment_.pauses, facts().size, clock.now());
  note_steady(watch);
  bool enough = false;
  for (;;) {
    const Nanos tell = enough ? clock.now() + kTellAgain : StageWatch::kNever;
    if (current_->wait(std::min({pace_.next(), watch.next(), series_.next(), tell}))) break;
    if (clock.now() >= series_.next()) {
      look_at_series(false);
      if (take_temperature(clock.now())) watch.disturb();
    }
    if (clock.now() >= watch.next()) enough = look(watch) || enough;
    if (enough) current_->finish();
    if (clock.now() < pace_.next()) continue;
    const std::uint64_t flushed = flushing_;
    take_checkpoint();
    if (flushing_ != flushed) watch.disturb();
  }
  watch.finish(clock.now());
  note_steady(watch);
}

// What was under way while a disk stops all else for that took as long as it did because of us, as with a FLUSH.
// Whether that was so.
bool DeviceRun::take_temperature(Nanos now) {
  if (!thermometer_.exists() || now < next_temperature_) return false;
  next_temperature_ = now + thermometer_.period();
  const bool stops = thermometer_.stops_io();
  looking_since_ = now;
  if (stops) flushes_.begin(now);
  temperature_ = thermometer_.read();
  if (stops) flushes_.end(environment_.clock.now());
  looking_since_ = 0;
  return stops;
}

void DeviceRun::look_at_series(bool last) {
  if (started_ == 0) return;
  const Nanos now = environment_.clock.now();
  DeviceTotals totals;
  add_to(totals);
  SeriesWatch::Seen seen;
  seen.closed = gate_->closed_time(now);
  seen.ramped = ended_stages_->ramped + (current_ ? current_->ramped(now) : 0);
  seen.temperature = temperature_;
  seen.lost = environment_.pauses.spans(series_.last(), now);
  if (last) return series_.finish(now, totals, seen);
  series_.look(now, totals, seen);
  if (series_.is_due(now) && hooks_.on_over_time) hooks_.on_over_time(series_.over_time());
}

// Whether the stage has done enough.
bool DeviceRun::look(StageWatch& watch) {
  const StageWatch::Finding found = watch.look(environment_.clock.now());
  if (found.is_round) note_steady(watch);
  if (!found.remark.empty()) {
    environment_.log.log(util::LogLevel::warning, fmt::format("{}: {}", facts().name, found.remark),
                         {{"JOB_ID", label_.job_id}, {"DEVICE", facts().name}});
  }
  if (!found.breach.empty()) fail(found.breach);
  return found.enough;
}

void DeviceRun::note_steady(const StageWatch& watch) {
  auto steady = watch.steady();
  const std::lock_guard lock(mutex_);
  steady_ = std::move(steady);
}

// What is noted before the FLUSH is on the medium after it; what was done meanwhile waits for the next one. The kernel
// tells once that something did not reach the medium (fsync(2)), and then nobody knows what: no cursor moves any more.
void DeviceRun::take_checkpoint() {
  const Nanos now = environment_.clock.now();
  pace_.nothing_to_flush(now);
  if (no_checkpoints_ || (stopped_ && !left_for_later_) || failed()) return;
  if (gate_->closed() && !left_for_later_) return;
  auto noted = current_->checkpoint(now);
  if (noted) note_checkpoint(*noted, now);
  DeviceTotals totals;
  add_to(totals);
  if (!noted || of(totals, util::OpClass::sync).error_count() != 0) return;
  if (const std::uint64_t writes = writes_of(totals); writes != flushed_writes_) {
    if (!flush(totals, noted->active)) return;
    flushed_writes_ = writes;
    DeviceTotals after;
    add_to(after);
    if (of(after, util::OpClass::sync).error_count() != 0) return;
  }
  last_checkpoint_ = now;
  if (hooks_.on_checkpoint) hooks_.on_checkpoint(std::move(*noted));
}

// All that goes with how far the stage has come.
void DeviceRun::note_checkpoint(Checkpoint& noted, Nanos now) const {
  if (current_) current_->describe(noted);
  const Moment at = moment();
  noted.stage = current_index_;
  noted.at = std::chrono::system_clock::now();
  noted.next_pass = next_pass_;
  noted.series = history_.points();
  if (zone_watch_.asked()) noted.rates = zone_watch_.rates();
  noted.before = at.ended->before;
  noted.before.merge(at.ended->totals);
  noted.ramped = at.ended->ramped;
  noted.elapsed = elapsed(now);
}

// Before the next one begins: what that changes, this one would be taken to have failed at.
void DeviceRun::note_stage_end() {
  if (no_checkpoints_ || !hooks_.on_checkpoint) return;
  const StageSpec& next = current_spec();
  Checkpoint noted;
  noted.cursors.resize(streams_of(next).size());
  noted.streams.resize(noted.cursors.size());
  note_checkpoint(noted, environment_.clock.now());
  hooks_.on_checkpoint(std::move(noted));
  if (first_that_destroys(next) != nullptr && hooks_.settle_checkpoint) hooks_.settle_checkpoint();
}

// What was written is on the medium before a later stage begins, which may check it, or which a restart goes on from.
void DeviceRun::flush_for_next() {
  const bool is_last = current_index_ + 1 == stages_->size();
  if (first_that_destroys(current_spec()) == nullptr || is_last) return;
  const auto noted = current_->checkpoint(environment_.clock.now());
  DeviceTotals totals;
  add_to(totals);
  if (noted && flush(totals, noted->active)) flushed_writes_ = writes_of(totals);
}

// What lies in the page cache is written back before: that takes as long as a slow disk takes for it.
bool DeviceRun::flush(const DeviceTotals& totals, Nanos active) {
  const std::uint64_t bytes = of(totals, util::OpClass::write).bytes;
  const std::uint64_t dirty = is_direct(current_spec()) ? 0 : std::min(bytes - flushed_bytes_, most_that_is_dirty());
  flush_allowance_ = static_cast<Nanos>(dirty / kSlowestDisk) * util::kSecond;
  const Nanos began = environment_.clock.now();
  current_->note_flush();
  flushes_.begin(began);
  const int error = environment_.flush(plan_.target.open->fd.get());
  const Nanos ended = environment_.clock.now();
  flushes_.end(ended);
  if (environment_.pauses.spans(began, ended)) {
    pace_.flushed(ended, ended);  // for how long it was under way, nobody knows
  } else {
    flushing_ += static_cast<std::uint64_t>(ended - began);
    pace_.flushed(began, ended);
    // The stage may have ended meanwhile: that time is none of its.
    const auto then = current_->checkpoint(ended);
    if (then) overhang_ += std::max<Nanos>(0, ended - began - (then->active - active));
  }
  flushed_bytes_ = bytes;
  if (is_no_call(error)) {
    no_checkpoints_ = true;
    environment_.log.log(util::LogLevel::warning,
                         fmt::format("{}: no checkpoints, for what is written cannot be made to reach the medium: {}",
                                     facts().name, util::errno_text(error)),
                         {{"JOB_ID", label_.job_id}, {"DEVICE", facts().name}});
  } else if (error != 0) {
    history_.flush_failed();
    current_->on_flush_error(error);
  } else {
    history_.flushed();
    current_->on_flushed();
  }
  return error == 0;
}

}  // namespace spliced::run
