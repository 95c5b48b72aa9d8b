// SPDX-License-Identifier: Apache-2.0
// What the loop of a worker does by the clock: it begins late, sits out pauses, waits, thinks, ends its ramp, and tries
// settings.
#include <algorithm>
#include <limits>

#include "io_loop.h"
#include "spliced/util/cpus.h"

namespace spliced::run {

using engine::Outcome;
using util::Nanos;

namespace {

constexpr Nanos kCpuLook = util::kSecond;  // between two looks at how long the worker waited for its CPU
constexpr Nanos kNever = std::numeric_limits<Nanos>::max();

}  // namespace

void IoLoop::begin_times(Nanos start) {
  const StreamTimes& times = with_.times;
  const workload::BlockSource& source = with_.feed.source();
  const Nanos begun = start - times.passed;
  begin_ = begun + times.begins;
  ramp_end_ = with_.ramp != nullptr ? begun + times.measured_from : kNever;
  deadline_ = times.ends == 0 ? 0 : begun + times.ends;
  pacer_.emplace(with_.workload, source.range(), std::max(begin_, start), source.first_position());
  paced_ = pacer_->paced();
  pauses_seen_ = with_.gate.changes() / 2 * 2;  // it may be closed already
  paused_ = with_.gate.closed_time(start);
  begin_cpu_wait();
  next_look_ = std::min(cpu_wait_known_ ? begin_ + kCpuLook : kNever, ramp_end_);
}

// false when the job is to end before.
bool IoLoop::wait_for_begin(const std::stop_token& stop) {
  while (with_.times.begins != 0 && with_.clock.now() < begin_) {
    if (paused_meanwhile()) {
      (void)sit_out_pause(stop);
    } else if (!wait_until(stop, begin_)) {
      return false;
    }
  }
  return true;
}

// What has begun ends, nothing begins, and then all that is due, the end of the job too, is due later by the pause.
Nanos IoLoop::sit_out_pause(const std::stop_token& stop) {
  while (outstanding_ > 0 && !stop.stop_requested()) (void)reap(0);
  with_.feed.publish();
  sitting_.store(true, std::memory_order_release);
  with_.gate.pass(stop);
  sitting_.store(false, std::memory_order_release);
  pauses_seen_ = with_.gate.changes() / 2 * 2;
  const Nanos now = with_.clock.now();
  const Nanos paused = with_.gate.closed_time(now);
  const Nanos by = paused - paused_;
  begin_ += by;
  if (deadline_ != 0) deadline_ += by;
  if (ramp_end_ != kNever) ramp_end_ += by;
  next_look_ = now;
  pacer_->move(by);
  paused_ = paused;
  return now;
}

// false when the job is to end before `when`. A pause ends the wait, too: then it is another time that counts.
bool IoLoop::wait_until(const std::stop_token& stop, Nanos when) {
  with_.feed.publish();
  const bool past_end = deadline_ != 0 && when >= deadline_;
  const Nanos until = past_end ? deadline_ : when;
  while (with_.clock.now() < until) {
    if (stop.stop_requested() || with_.enough.load(std::memory_order_relaxed)) return false;
    if (paused_meanwhile()) return true;
    with_.clock.sleep_until(until);
  }
  return !past_end;
}

// The pause that comes after some operations and what syncs them, if another one comes after it; `ended` of them have
// just ended. false when the job is over.
bool IoLoop::think(const std::stop_token& stop, Nanos now, std::size_t ended) {
  since_think_ += ended;
  if (since_think_ < with_.workload.thinktime_blocks) return true;
  if (!draw()) return more_later_;
  if (head_.position == workload::kNoPosition) return true;
  since_think_ = 0;
  const Nanos until = now + with_.workload.thinktime;
  pacer_->pause(now, until, head_.position, head_.op);
  return wait_until(stop, until);
}

// Before what has ended is recorded: an operation that ends after the ramp is none of it.
void IoLoop::look(Nanos now) {
  add_cpu_wait();
  if (now >= ramp_end_) end_ramp();
  next_look_ = std::min(cpu_wait_known_ ? now + kCpuLook : kNever, ramp_end_);
}

void IoLoop::end_ramp() {
  ramp_end_ = kNever;
  counters_ = &with_.counters;
  with_.recorder.count_into(*counters_);
  with_.recorder.count_into(with_.bands);
  begin_cpu_wait();
}

void IoLoop::begin_cpu_wait() {
  const auto times = util::scheduler_times();
  cpu_wait_known_ = times.has_value();
  if (!times) return;
  waited_before_ = times->waited;
  counters_->cpu_wait_known.store(true, std::memory_order_relaxed);
}

void IoLoop::add_cpu_wait() {
  if (!cpu_wait_known_) return;
  if (const auto times = util::scheduler_times()) {
    counters_->cpu_wait.set(static_cast<std::uint64_t>(std::max<Nanos>(0, times->waited - waited_before_)));
  }
}

// With nothing under way: what begins now decides how the rest is done, if its setting is still being tried. The making
// of its data is part of it.
void IoLoop::begin_sample() {
  if (outstanding_ != 0) return;
  const bool trying = draw() && with_.calibrator.trying(head_.op);
  sample_began_ = trying ? with_.clock.now() : 0;
  sample_bytes_ = 0;
  sample_failed_ = false;
}

// A sample ends when all that began with it has ended.
void IoLoop::add_to_sample(std::size_t ended, Nanos now) {
  for (std::size_t i = 0; i < ended; ++i) {
    sample_bytes_ += ended_[i]->moved;
    sample_failed_ = sample_failed_ || ended_[i]->outcome != Outcome::done;
  }
  if (outstanding_ != 0) return;
  with_.calibrator.adapt(last_op_, sample_failed_ ? 0 : sample_bytes_, now - sample_began_, with_.engine);
  sample_began_ = 0;
}

}  // namespace spliced::run
