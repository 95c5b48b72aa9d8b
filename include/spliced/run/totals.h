// SPDX-License-Identifier: Apache-2.0
// What was counted, as plain values: sums over the workers of a device, over a job's run or over the daemon's life.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "spliced/engine/kind.h"
#include "spliced/run/verification.h"
#include "spliced/util/op.h"
#include "spliced/workload/histogram.h"

namespace spliced::run {

// Why an operation failed, in the classes of the `error` label.
enum class ErrorClass : std::uint8_t { io, no_space, timeout, removed, unsupported, invalid, host, other };
inline constexpr std::size_t kErrorClasses = 8;
inline constexpr std::array<std::string_view, kErrorClasses> kErrorClassNames{
    "io", "no_space", "timeout", "removed", "unsupported", "invalid", "host", "other"};

// A medium error is ENODATA with O_DIRECT and EIO through the page cache; a device that went away answers ENXIO,
// ENODEV or ENOMEDIUM.
[[nodiscard]] ErrorClass classify_errno(int error);

struct OpTotals {
  std::uint64_t bytes = 0;
  std::uint64_t operations = 0;  // completed without error
  std::array<std::uint64_t, kErrorClasses> errors{};
  std::uint64_t across_pause = 0;  // of them, those during which the daemon did not run,
  std::uint64_t across_flush = 0;  // and those that met a FLUSH for a checkpoint
  workload::Histogram latency;     // of the other completed ones
  [[nodiscard]] std::uint64_t error_count() const;
};

// What engines counted, by kind (engine::kind_at) and event (engine::Kind::events).
struct EngineTotals {
  std::array<std::array<std::uint64_t, engine::kMaxEvents>, engine::kKinds> events{};
  std::array<bool, engine::kKinds> ran{};  // kinds that were there to count
  void add(std::size_t kind, const engine::Engine& engine);
  void merge(const EngineTotals& other);
};

// How the engines of a device work, or last did: the largest value of all workers, by engine::Kind::readings.
struct EngineState {
  std::size_t kind = 0;
  std::array<std::uint64_t, engine::kMaxReadings> values{};
  void add(const engine::Engine& engine);
};

struct DeviceTotals {
  std::array<OpTotals, util::kOpClasses> ops;      // by util::OpClass
  std::array<bool, util::kOpClasses> asked_for{};  // whether any run was to do such operations
  EngineTotals engine;
  // Nanoseconds in which workers were ready to run and had no CPU; unknown where the kernel does not keep it.
  std::uint64_t cpu_wait = 0;
  bool cpu_wait_known = false;
  std::uint64_t flushing = 0;  // nanoseconds in FLUSHes for checkpoints
  VerifyTotals verify;
  void merge(const DeviceTotals& other);
};

}  // namespace spliced::run
