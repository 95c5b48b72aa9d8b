// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "spliced/figures/steady.h"
#include "spliced/util/clock.h"
#include "spliced/util/op.h"

namespace spliced::run {

enum class SteadyOf : std::uint8_t { iops, rate, latency, p99 };  // latency: the mean
inline constexpr std::array<std::string_view, 4> kSteadyOfNames{"iops", "rate", "latency", "p99"};

// A workload goes on until what it does is steady; see figures/steady.h.
struct UntilSteady {
  SteadyOf of = SteadyOf::iops;
  std::optional<util::OpClass> op;  // none: the only one that the workload does
  util::Nanos round = 60 * util::kSecond;
  figures::SteadyRule rule;
  bool hold = false;  // goes on to its runtime then, and tells when it is steady no more
};

}  // namespace spliced::run
