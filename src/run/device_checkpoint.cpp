// SPDX-License-Identifier: Apache-2.0
// How far a device has come, noted while it works. All of it on the target's thread.
#include <chrono>
#include <optional>
#include <utility>

#include "device_run.h"

namespace spliced::run {

using util::Nanos;

namespace {

std::uint64_t writes_of(const DeviceTotals& totals) {
  const auto of = [&](util::OpClass op) { return totals.ops[static_cast<std::size_t>(op)].operations; };
  return of(util::OpClass::write) + of(util::OpClass::trim);
}

}  // namespace

void DeviceRun::await_stage() {
  while (!current_->wait(pace_.next())) take_checkpoint();
}

// What is noted before the FLUSH is on the medium after it; what was done meanwhile waits for the next one.
void DeviceRun::take_checkpoint() {
  const Nanos now = environment_.clock.now();
  auto noted = current_->checkpoint(now);
  DeviceTotals totals;
  current_->add_to(totals, Detail::counts);
  current_->add_ramp_to(totals);
  totals.merge(moment().ended->totals);
  const std::uint64_t writes = writes_of(totals);
  if (!noted || writes == flushed_writes_) {
    pace_.nothing_to_flush(now);
  } else if (flush()) {
    flushed_writes_ = writes;
  } else {
    return;
  }
  if (!noted) return;
  last_checkpoint_ = now;
  if (!hooks_.on_checkpoint) return;
  noted->stage = current_index_;
  noted->at = std::chrono::system_clock::now();
  hooks_.on_checkpoint(std::move(*noted));
}

bool DeviceRun::flush() {
  const Nanos began = environment_.clock.now();
  flushes_.begin(began);
  const int error = environment_.flush(plan_.target.open->fd.get());
  const Nanos ended = environment_.clock.now();
  flushes_.end(ended);
  flushing_ += static_cast<std::uint64_t>(ended - began);
  pace_.flushed(began, ended);
  if (error != 0) current_->on_flush_error(error);
  return error == 0;
}

}  // namespace spliced::run
