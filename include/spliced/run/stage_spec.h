// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <variant>

#include "spliced/run/io_spec.h"
#include "spliced/util/clock.h"

namespace spliced::run {

struct ErrorPolicy {
  std::uint64_t max_errors = 0;                    // per device; one more and it is stopped, FAILED
  util::Nanos stall_timeout = 60 * util::kSecond;  // an operation that takes longer fails its device
};

// Nothing is done for a time.
struct WaitSpec {
  util::Nanos time = 0;
};

// One of the things that are done on each device, one after the other.
struct StageSpec {
  std::string name;
  std::variant<IoSpec, WaitSpec> what;
  ErrorPolicy error_policy;
};

// The I/O of a stage, null of one that does none.
[[nodiscard]] inline const IoSpec* io_of(const StageSpec& stage) {
  return std::get_if<IoSpec>(&stage.what);
}

}  // namespace spliced::run
