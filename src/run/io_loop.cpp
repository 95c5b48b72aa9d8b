// SPDX-License-Identifier: Apache-2.0
#include "io_loop.h"

#include <algorithm>

namespace spliced::run {

using engine::IoSlot;
using engine::Outcome;
using util::Nanos;
using util::Op;

namespace {

constexpr Nanos kNextTry = util::kSecond / 10'000;  // where others have to get something done first

}  // namespace

IoLoop::IoLoop(const Parts& parts)
    : with_(parts),
      checks_reads_(parts.verifier != nullptr && parts.verifier->checks_reads()),
      depth_(std::min(parts.depth, parts.engine.traits().depth)),
      slots_(depth_),
      new_(depth_, nullptr),
      ended_(depth_, nullptr),
      counters_(parts.ramp != nullptr ? parts.ramp : &parts.counters) {
  if (parts.ramp == nullptr) parts.recorder.count_into(parts.bands);
}

bool IoLoop::run(const std::stop_token& stop, Nanos start) {
  begin_times(start);
  bool on = wait_for_begin(stop);
  for (Nanos now = with_.times.begins == 0 ? start : with_.clock.now(); on;) {
    if (paused_meanwhile()) [[unlikely]]
      now = sit_out_pause(stop);
    if (over(stop, now)) break;
    begin_sample();
    fill(now);
    if (outstanding_ == 0) {
      if (!has_head_ && !more_later_) break;
      const Nanos due = has_head_ ? due_of(head_) : now + kNextTry;
      if (!wait_until(stop, due)) break;
      now = paused_meanwhile() ? now : std::max(now, due);
      continue;
    }
    const std::size_t before = outstanding_;
    now = reap(reap_until(now));
    if (with_.workload.thinktime != 0) on = think(stop, now, before - outstanding_);
  }
  sample_began_ = 0;  // what was to be tried, and never was
  drain();
  const bool completed = !stop.stop_requested();
  if (completed) finish();
  with_.feed.publish();
  with_.recorder.flush_bands();
  add_cpu_wait();
  return completed;
}

// Whether there is a request to go on with, which is the head then.
bool IoLoop::draw() {
  if (has_head_) return true;
  const auto next = with_.feed.next(head_, with_.calibrator.batch());
  has_head_ = next == workload::RequestFeed::Next::request;
  more_later_ = next == workload::RequestFeed::Next::later;
  return has_head_;
}

bool IoLoop::over(const std::stop_token& stop, Nanos now) const {
  return stop.stop_requested() || (deadline_ != 0 && now >= deadline_) || with_.enough.load(std::memory_order_relaxed);
}

// 0 when it is not paced. A rate is one of reads, writes and trims; what syncs them follows at once.
Nanos IoLoop::due_of(const Request& request) const {
  return paced_ && request.position != workload::kNoPosition ? pacer_->due(request.position, request.op) : 0;
}

// Gives the engine what is due, as much as is to be under way at a time.
void IoLoop::fill(Nanos now) {
  while (has_room() && draw() && may_join(head_) && add_run(now)) {
  }
  submit();
}

// A block is drawn when it can be done, not before: what a worker keeps for later is not near what the others do now.
bool IoLoop::has_room() const {
  const std::size_t before = outstanding_ + fresh_;
  return before == 0 || (!alone_ && before < std::min(depth_, with_.calibrator.batch()));
}

// What syncs waits for all before it, and all after it wait for that. While settings are compared, what is under way
// goes one way, and ends before more begins.
bool IoLoop::may_join(const Request& request) const {
  const std::size_t before = outstanding_ + fresh_;
  if (before == 0) return true;
  if (alone_ || before >= std::min(depth_, with_.calibrator.batch(request.op))) return false;
  if (!with_.calibrator.trying(request.op) && sample_began_ == 0) return true;
  return outstanding_ == 0 && request.op == last_op_;
}

// The head and those after it of the same operation. false when one is not due yet.
bool IoLoop::add_run(Nanos now) {
  const Op op = head_.op;
  const std::size_t batch = with_.calibrator.batch(op);
  const std::size_t limit = std::min(depth_, batch) - outstanding_;
  do {
    const Nanos due = due_of(head_);
    if (due > now) return false;
    last_op_ = op;
    alone_ = !util::moves_data(op);
    new_[fresh_++] = &slot_for(head_, due);
    has_head_ = false;
  } while (fresh_ < limit && draw() && head_.op == op);
  return true;
}

IoSlot& IoLoop::slot_for(const Request& request, Nanos due) {
  IoSlot& slot = slots_.take();
  slot.op = request.op;
  slot.offset = request.offset;
  slot.length = request.length;
  if (request.op == Op::write) {
    slot.buffer = with_.write_buffers.fill(request.offset, request.length, with_.first_pass + request.round,
                                           slots_.index_of(slot));
  } else {
    slot.buffer = with_.read_buffer;
    if (checks_reads_ && request.op == Op::read) give_own_buffer(slot);
  }
  slot.due = due;
  slot.position = request.position;
  slot.round = request.round;
  return slot;
}

void IoLoop::give_own_buffer(IoSlot& slot) {
  slot.buffer += slots_.index_of(slot) * with_.workload.bs.read;
  poison({slot.buffer, slot.length});
}

// The loop has no more slots than the engine takes.
void IoLoop::submit() {
  if (fresh_ == 0) return;
  outstanding_ += with_.engine.submit({new_.data(), fresh_});
  fresh_ = 0;
}

// Where there is room for more, until the next is due.
Nanos IoLoop::reap_until(Nanos now) const {
  if (!paced_ || !has_head_ || !may_join(head_)) return deadline_;
  const Nanos due = due_of(head_);
  return due > now && (deadline_ == 0 || due < deadline_) ? due : deadline_;
}

// When the last of what was reaped ended.
Nanos IoLoop::reap(Nanos until) {
  const std::size_t count = with_.engine.reap(ended_, 1, until);
  if (count == 0) return with_.clock.now();
  Nanos now = ended_[count - 1]->ended;
  if (now >= next_look_) [[unlikely]]
    look(now);
  for (std::size_t i = 0; i < count; ++i) {
    const IoSlot& slot = *ended_[i];
    with_.recorder.record(slot, paced_);
    if (with_.verifier != nullptr) [[unlikely]]
      check(slot);
    if (slot.position != workload::kNoPosition && slot.outcome != Outcome::stopped) with_.feed.done(slot.position);
    now = std::max(now, slot.ended);
    slots_.give_back(slot);
  }
  outstanding_ -= count;
  if (outstanding_ == 0) alone_ = false;
  if (sample_began_ != 0) [[unlikely]]
    add_to_sample(count, now);
  return now;
}

void IoLoop::check(const IoSlot& slot) {
  if (slot.op == Op::write && slot.outcome == Outcome::done) with_.verifier->check_written(slot);
  if (checks_reads_ && slot.op == Op::read && slot.outcome != Outcome::stopped) with_.verifier->check_read(slot);
}

// What has not begun is given up; what has is waited for.
void IoLoop::drain() {
  const std::size_t count = with_.engine.withdraw(ended_);
  for (std::size_t i = 0; i < count; ++i) slots_.give_back(*ended_[i]);
  outstanding_ -= count;
  while (outstanding_ > 0) (void)reap(0);
}

// The sync that ends the worker's part, if one was asked for.
void IoLoop::finish() {
  Request request;
  if (!with_.feed.last(request)) return;
  new_[fresh_++] = &slot_for(request, 0);
  submit();
  (void)reap(0);
  drain();
}

}  // namespace spliced::run
