// SPDX-License-Identifier: Apache-2.0
// What is known of a kind of engine before one is made, and how one is made. Whoever shows engines, or shares out what
// they need, knows them by this alone.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>
#include <vector>

#include "spliced/engine/engine.h"
#include "spliced/engine/options.h"
#include "spliced/util/result.h"

namespace spliced::engine {

class Syscalls;

// A family of counters of an engine. `event` and `labels` are its names in a job; its metric, "spliced_KIND_...", has
// the same labels, but that `errno` is called `reason` there. Every kind has at least "retry" (by errno: calls that
// were made again, kRetryErrors of retry.h) and "short_transfer" (by op: calls that moved less than was asked);
// dashboards and the contract's tests know them by these names.
struct EventFamily {
  std::string_view event;   // "fallback"
  std::string_view metric;  // "spliced_vmsplice_fallbacks_total"
  std::string_view help;
  std::array<std::string_view, 3> labels;  // names; "" behind the last
};
struct Event {
  const EventFamily* family = nullptr;
  std::array<std::string_view, 3> values;  // of the labels
  std::optional<util::OpClass> of;         // can only happen to these operations; none: to any
};
inline constexpr std::size_t kMaxEvents = 32;  // of a kind

// One thing that an engine tells of how it works. Of several workers the largest value counts.
struct Reading {
  std::string_view name;                    // in a job
  std::string_view metric;                  // a gauge; "" for none
  std::string_view help;                    // of the metric
  std::span<const std::string_view> texts;  // what the values stand for; empty: they are numbers
  std::optional<util::OpClass> of;          // says nothing unless such operations are done
};
inline constexpr std::size_t kMaxReadings = 4;  // of a kind

struct NamedValue {
  std::string_view name;
  std::uint64_t value = 0;
};

// What of a workload decides how an engine is best driven.
struct Load {
  std::uint64_t block = 4096;  // bytes
  bool spread = false;         // operations are spread over time, and are not to come in bursts
};

// What one direction of one worker may take where the job leaves the choice.
struct Allowance {
  std::uint64_t size_limit = std::numeric_limits<std::uint64_t>::max();   // bytes of Setting::size
  std::uint64_t batch_limit = std::numeric_limits<std::uint64_t>::max();  // bytes of the blocks of a batch
};

// What an engine is made from.
struct EngineConfig {
  Options options;
  int fd = -1;                                // the target, owned by the caller, open for what is submitted
  bool block_device = false;                  // trim by BLKDISCARD; otherwise by punching holes
  std::array<Setting, kDirections> settings;  // to begin with, by Direction
  std::size_t read_buffer = std::numeric_limits<std::size_t>::max();  // bytes that a reading slot's buffer has at least
};

// Stateless, and as long-lived as the program. Thread-safe. Of the options only its own alternative is looked at.
class Kind {
 public:
  virtual ~Kind() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;  // `engine.kind` of a job

  // What is wrong with the options, each with its field, relative to them ("pipe_size").
  [[nodiscard]] virtual std::vector<util::FieldError> check(const Options& options, const Load& load) const = 0;
  // The settings worth trying, the one to fall back to first; at least one. None has a larger batch than the engine has
  // depth, nor more bytes in a batch of several than the allowance; with a load that is spread all have a batch of 1. A
  // setting of the job itself is one of its own.
  [[nodiscard]] virtual std::vector<Setting> candidates(const Options& options, const Load& load,
                                                        const Allowance& allowance) const = 0;
  // Whether it is the job that left nothing to choose. Asked when there is one candidate, to say why.
  [[nodiscard]] virtual bool is_fixed(const Options& options) const = 0;
  [[nodiscard]] virtual std::vector<NamedValue> describe(const Setting& setting) const = 0;
  // The setting that describe() tells of like this; what is missing is as in Setting{}.
  [[nodiscard]] virtual Setting setting_of(std::span<const NamedValue> described) const = 0;
  // All options as a text that differs where they do.
  [[nodiscard]] virtual std::string key(const Options& options) const = 0;

  // What it takes besides the buffers of its slots: bytes that the kernel holds for a setting, and descriptors of its
  // own.
  [[nodiscard]] virtual std::uint64_t kernel_bytes(const Setting& setting) const = 0;
  [[nodiscard]] virtual std::size_t descriptors() const = 0;
  // Bytes that the buffer of a slot must have for reads of a block, where nobody looks at what was read.
  [[nodiscard]] virtual std::size_t read_buffer(std::size_t block) const = 0;

  // At most kMaxEvents and kMaxReadings.
  [[nodiscard]] virtual std::span<const Event> events() const = 0;
  [[nodiscard]] virtual std::span<const Reading> readings() const = 0;

  // `sys` and `clock` outlive it. Allocates all that the engine needs while it runs.
  [[nodiscard]] virtual std::unique_ptr<Engine> make(const EngineConfig& config, Syscalls& sys, util::Clock& clock,
                                                     std::stop_token stop) const = 0;
};

// By the alternative of Options; the kind of a job's options.
[[nodiscard]] const Kind& kind_at(std::size_t index);  // < kKinds
// The options of one, with every default.
[[nodiscard]] Options default_options(std::size_t kind);
[[nodiscard]] inline const Kind& kind_of(const Options& options) {
  return kind_at(options.index());
}

}  // namespace spliced::engine
