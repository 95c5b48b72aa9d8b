// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "spliced/plan/spec.h"

namespace spliced::testing {

// The I/O of the first stage.
[[nodiscard]] inline run::IoSpec& io(plan::JobSpec& spec) {
  return std::get<run::StreamsSpec>(spec.stages.at(0).what).streams.at(0).io;
}
[[nodiscard]] inline const run::IoSpec& io(const plan::JobSpec& spec) {
  return std::get<run::StreamsSpec>(spec.stages.at(0).what).streams.at(0).io;
}
[[nodiscard]] inline const run::ErrorPolicy& policy(const plan::JobSpec& spec) {
  return spec.stages.at(0).error_policy;
}
[[nodiscard]] inline run::ErrorPolicy& policy(plan::JobSpec& spec) {
  return spec.stages.at(0).error_policy;
}

}  // namespace spliced::testing
