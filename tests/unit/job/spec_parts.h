// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "spliced/job/spec.h"

namespace spliced::testing {

// The I/O of the first stage.
[[nodiscard]] inline run::IoSpec& io(job::JobSpec& spec) {
  return std::get<run::StreamsSpec>(spec.stages.at(0).what).streams.at(0).io;
}
[[nodiscard]] inline const run::IoSpec& io(const job::JobSpec& spec) {
  return std::get<run::StreamsSpec>(spec.stages.at(0).what).streams.at(0).io;
}
[[nodiscard]] inline const run::ErrorPolicy& policy(const job::JobSpec& spec) {
  return spec.stages.at(0).error_policy;
}
[[nodiscard]] inline run::ErrorPolicy& policy(job::JobSpec& spec) {
  return spec.stages.at(0).error_policy;
}

}  // namespace spliced::testing
