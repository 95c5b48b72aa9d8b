// SPDX-License-Identifier: Apache-2.0
// What a job asks of each device: fio's names and meanings where fio has them.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "spliced/util/clock.h"
#include "spliced/util/cpus.h"
#include "spliced/util/op.h"

namespace spliced::workload {

enum class Mode : std::uint8_t { read, write, randread, randwrite, rw, randrw, trim, randtrim };
inline constexpr std::array<std::string_view, 8> kModeNames{"read", "write",  "randread", "randwrite",
                                                            "rw",   "randrw", "trim",     "randtrim"};

[[nodiscard]] constexpr bool is_random(Mode mode) {
  return mode == Mode::randread || mode == Mode::randwrite || mode == Mode::randrw || mode == Mode::randtrim;
}
[[nodiscard]] constexpr bool is_mixed(Mode mode) {
  return mode == Mode::rw || mode == Mode::randrw;
}
[[nodiscard]] constexpr bool is_trim(Mode mode) {
  return mode == Mode::trim || mode == Mode::randtrim;
}
[[nodiscard]] constexpr bool reads(Mode mode) {
  return mode == Mode::read || mode == Mode::randread || is_mixed(mode);
}
[[nodiscard]] constexpr bool writes(Mode mode) {
  return mode == Mode::write || mode == Mode::randwrite || is_mixed(mode);
}
// Whether data on the target is lost.
[[nodiscard]] constexpr bool destroys(Mode mode) {
  return writes(mode) || is_trim(mode);
}

// Bytes, or a share of the target.
struct Amount {
  bool relative = false;
  std::uint64_t bytes = 0;
  double percent = 0;    // 0 to 100
  bool at_most = false;  // of bytes: less where the target has less
};

// Where random offsets fall.
//   uniform     every block equally likely
//   zipf:θ      rank k with probability ∝ k^-θ, θ > 0; ranks are scattered over the range
//   pareto:h    self-similar: a share 1-h of the accesses goes to a share h of the blocks, 0 < h < 1; scattered
//   normal:σ    around the middle of the range, σ in percent of it, 0 < σ <= 100
struct Distribution {
  enum class Kind : std::uint8_t { uniform, zipf, pareto, normal };
  Kind kind = Kind::uniform;
  double parameter = 0;
};
inline constexpr std::array<std::string_view, 4> kDistributionNames{"uniform", "zipf", "pareto", "normal"};

// A number for each way in which data goes.
struct PerOp {
  std::uint64_t read = 0, write = 0, trim = 0;

  constexpr PerOp() = default;
  // The same for all.
  constexpr PerOp(std::uint64_t all) : read(all), write(all), trim(all) {}  // NOLINT(google-explicit-constructor)
  constexpr PerOp(std::uint64_t of_read, std::uint64_t of_write, std::uint64_t of_trim)
      : read(of_read), write(of_write), trim(of_trim) {}
  // Of what moves data or trims.
  [[nodiscard]] constexpr std::uint64_t of(util::Op op) const {
    return op == util::Op::read ? read : op == util::Op::write ? write : trim;
  }
  bool operator==(const PerOp&) const = default;
};

// How much may be done in a second, on each device: of everything together, and of each way. 0: as much as goes.
struct RateLimit {
  std::uint64_t all = 0;
  PerOp each;

  constexpr RateLimit() = default;
  constexpr RateLimit(std::uint64_t together) : all(together) {}  // NOLINT(google-explicit-constructor)
  constexpr explicit RateLimit(const PerOp& of_each) : each(of_each) {}
  [[nodiscard]] constexpr bool any() const { return all != 0 || each != PerOp(); }
  bool operator==(const RateLimit&) const = default;
};

inline constexpr std::uint64_t kLeastDistance = 1ULL << 30;                               // bytes
inline constexpr std::uint64_t kOwnDistance = std::numeric_limits<std::uint64_t>::max();  // see read_back

struct WorkloadSpec {
  Mode rw = Mode::read;
  unsigned rwmixread = 50;    // percent of a mixed mode that reads
  PerOp bs = 4096;            // bytes of one block
  Amount offset{};            // where the range starts
  Amount size{true, 0, 100};  // how long it is; a percentage is of the whole target, and cut at its end
  util::Nanos ramp_time = 0;  // from the start on; what is done in it is in no figure of the job
  util::Nanos runtime = 0;    // after that; 0: until the range was done `loops` times
  bool time_based = false;    // go on until `runtime`, however often the range is done
  std::uint64_t loops = 1;
  unsigned workers = 1;                // threads per device
  bool direct = true;                  // O_DIRECT
  util::CpuList cpus_allowed;          // that the workers share; empty: wherever the kernel puts them
  RateLimit rate;                      // bytes
  RateLimit rate_iops;                 // operations
  util::Nanos thinktime = 0;           // pause of a worker
  std::uint64_t thinktime_blocks = 1;  // after so many operations of it
  std::uint64_t seed = 1;
  Distribution distribution{};
  std::uint64_t fsync = 0;            // after that many writes of a worker, 0: never
  std::uint64_t fdatasync = 0;        // likewise
  std::uint64_t sync_file_range = 0;  // likewise: starts write-back of the range written since
  bool end_fsync = false;             // when a worker has done its part
  // Of a mode that only writes: each block is read again when so many bytes more were written; 0: none is. By
  // kOwnDistance that is kLeastDistance, or a hundredth of the range if that is more.
  std::uint64_t read_back = 0;
  bool whole_sectors = false;  // offset and size are multiples of 512 bytes, direct or not
  bool rounds_apart = false;   // none begins before all of the one before has ended: no block is under way twice
};

[[nodiscard]] constexpr bool reads(const WorkloadSpec& spec) {
  return reads(spec.rw) || spec.read_back != 0;
}
[[nodiscard]] constexpr bool does(const WorkloadSpec& spec, util::Op op) {
  return op == util::Op::read ? reads(spec) : op == util::Op::write ? writes(spec.rw) : is_trim(spec.rw);
}
// Of what the workload does.
[[nodiscard]] std::uint64_t smallest_block(const WorkloadSpec& spec);
// Whether reads and writes are mixed that have blocks of different sizes.
[[nodiscard]] constexpr bool mixes_sizes(const WorkloadSpec& spec) {
  return is_mixed(spec.rw) && spec.bs.read != spec.bs.write;
}
[[nodiscard]] constexpr bool paced(const WorkloadSpec& spec) {
  return spec.rate.any() || spec.rate_iops.any();
}

}  // namespace spliced::workload
