// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "spliced/job/snapshot.h"

namespace spliced::testing {

// A job with something of everything.
[[nodiscard]] inline job::JobSnapshot sample_job() {
  job::JobSnapshot job;
  job.id = "id-1";
  job.spec.name = "first light";
  job.spec.targets = {"/dev/loop0"};
  job.state = job::State::running;
  job.created_at = job::WallTime(std::chrono::milliseconds(1'700'000'000'123));
  job.started_at = job.created_at + std::chrono::seconds(1);
  job::DeviceSnapshot device;
  device.facts.name = "loop0";
  device.facts.path = "/dev/loop0";
  device.range = {512, 4096, 512};
  device.state = job::State::running;
  device.progress = 0.42;
  device.eta_seconds = 12.3;
  device.ops[0] = {4096, 8, 1, 100.5, 2.5, {0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.56, 0.57, 0.6}};
  device.engine.ran[0] = true;
  auto& events = device.engine.events[0];
  events[0] = 2;   // the first fallback
  events[19] = 3;  // the second of the retries behind all fallbacks
  events[22] = 5;  // short writes
  events[23] = 6;
  device.engine_state.values = {static_cast<std::uint64_t>(engine::ReadPath::copy), 1048576};
  device.asked_for[0] = true;
  device.tuning = {{engine::Direction::write, {65536, 16}, run::TuningSource::measured, {{{65536, 16}, 2.5}}}};
  device.errors = {{util::Op::read, 4096, 512, "EIO", 1, "read at 4096 failed"}};
  device.errors_omitted = 7;
  device.criteria = {{"max_io_errors", "", 0, 8, verdict::CriterionState::not_met, true, ""}};
  job.devices.push_back(device);
  return job;
}

}  // namespace spliced::testing
