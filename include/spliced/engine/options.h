// SPDX-License-Identifier: Apache-2.0
// What a job says of its engine: which one, and how. One type for each kind of engine.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

namespace spliced::engine {

// How read data leaves the pipe.
enum class ReadPath : std::uint8_t { map, copy, read, discard };
inline constexpr std::array<std::string_view, 4> kReadPathNames{"map", "copy", "read", "discard"};

struct SpliceOptions {
  std::optional<ReadPath> read_path;  // nullopt: auto, the best that this kernel lets through
  std::uint64_t pipe_size = 0;        // bytes; 0: auto
  std::uint64_t batch = 0;            // blocks that pass the pipe together; 0: auto
  bool gift = false;                  // SPLICE_F_GIFT when memory goes into the pipe
  bool operator==(const SpliceOptions&) const = default;
};

// pread(2) and pwrite(2): nothing to choose.
struct PsyncOptions {
  bool operator==(const PsyncOptions&) const = default;
};

// The first is the default.
using Options = std::variant<SpliceOptions, PsyncOptions>;
inline constexpr std::size_t kKinds = std::variant_size_v<Options>;

}  // namespace spliced::engine
