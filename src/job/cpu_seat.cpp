// SPDX-License-Identifier: Apache-2.0
#include "cpu_seat.h"

#include <algorithm>
#include <limits>

namespace spliced::job {

using util::Nanos;

namespace {

constexpr Nanos kNever = std::numeric_limits<Nanos>::max();

// Somewhere to move to, and a means to see that others want to be where it is.
bool usable(util::ThreadCpus* cpus) {
  return cpus != nullptr && cpus->allowed().size() > 1 && cpus->times();
}

}  // namespace

CpuSeat::CpuSeat(CpuSeats& seats, util::ThreadCpus* cpus)
    : seats_(seats), cpus_(cpus), due_(usable(cpus) ? 0 : kNever) {}

void CpuSeat::note(Nanos now, std::uint64_t bytes, Nanos time) {
  if (comparison_) return go_on_comparing(now, bytes, time);
  if (now >= compare_at_) return compare();
  if (kept_) look(now);
  due_ = kept_ ? std::min(now + kLook, compare_at_) : compare_at_;
}

void CpuSeat::compare() {
  if (kept_) patience_ = kSoon;  // it lasted
  comparison_.emplace(kWays, kWorthwhile);
  take(comparison_->candidate());
  due_ = 0;
}

void CpuSeat::go_on_comparing(Nanos now, std::uint64_t bytes, Nanos time) {
  const std::size_t before = comparison_->candidate();
  bytes != 0 ? comparison_->add_sample(bytes, time) : comparison_->add_failure(time);
  if (!comparison_->ended()) {
    if (comparison_->candidate() != before) take(comparison_->candidate());
    return;
  }
  take(comparison_->best().value_or(be_moved));
  comparison_.reset();
  compare_at_ = now + kLate;
  due_ = now + kLook;
  share_until(now);  // the next look counts from here
  crowded_ = 0;
}

// Whether others want the CPU, or it hardly wants it itself.
void CpuSeat::look(Nanos now) {
  const Share share = share_until(now);
  if (share.wanted < kIdle) return leave();
  crowded_ = share.waited > kCrowded ? crowded_ + 1 : 0;
  if (crowded_ < kLooks) return;
  leave();
  compare_at_ = now + patience_;
  patience_ = std::min(2 * patience_, kLate);
}

CpuSeat::Share CpuSeat::share_until(Nanos now) {
  const util::ThreadCpus::Times times = cpus_->times().value_or(times_);
  const auto waited = static_cast<double>(times.waited - times_.waited);
  const auto wanted = static_cast<double>(times.ran - times_.ran) + waited;
  const auto passed = static_cast<double>(now - looked_);
  times_ = times;
  looked_ = now;
  return {passed > 0 ? wanted / passed : 0, wanted > 0 ? waited / wanted : 0};
}

// Where it is, or else the next that nobody keeps.
void CpuSeat::keep() {
  if (kept_) return;
  const auto& all = cpus_->allowed();
  const auto here = std::find(all.begin(), all.end(), cpus_->current());
  const auto kept = [this](std::size_t cpu) { return keep(cpu); };
  (void)(std::any_of(here, all.end(), kept) || std::any_of(all.begin(), here, kept));
}

bool CpuSeat::keep(std::size_t cpu) {
  if (!seats_.take(cpu)) return false;
  if (cpus_->bind(cpu)) {
    kept_ = cpu;
    return true;
  }
  seats_.give_back(cpu);
  return false;
}

void CpuSeat::leave() {
  if (!kept_) return;
  cpus_->unbind();
  seats_.give_back(*kept_);
  kept_.reset();
}

}  // namespace spliced::job
