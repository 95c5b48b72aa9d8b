// SPDX-License-Identifier: Apache-2.0
// What checking the data of a device came to: plain values.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spliced/util/clock.h"
#include "spliced/verify/damage.h"

namespace spliced::run {

// Why data was found to be wrong that the device is not to blame for.
enum class HostFault : std::uint8_t {
  cpu,     // the same data is right by another code on another CPU
  memory,  // the data of a write was wrong in memory after it had been written
  engine,  // only what the job's engine reads is wrong
};
inline constexpr std::size_t kHostFaults = 3;
inline constexpr std::array<std::string_view, kHostFaults> kHostFaultNames{"host_cpu", "host_memory", "host_engine"};

struct VerifyTotals {
  std::uint64_t bytes = 0;                                 // judged
  std::uint64_t blocks = 0;                                // reads of which all or a part was judged
  std::array<std::uint64_t, verify::kKinds> mismatches{};  // intervals, by kind
  std::uint64_t mismatched_bytes = 0;                      // of these intervals
  std::uint64_t indeterminate_bytes = 0;  // read where a write failed or was given up: old, new or torn, and not judged
  std::uint64_t unread_bytes = 0;         // to be compared, and not delivered: the read failed
  std::uint64_t unwritten_bytes = 0;      // read where the job had written nothing
  // Of these, those that hold nothing of what another job wrote: never written, or lost, nobody can tell.
  std::uint64_t untraced_bytes = 0;
  std::uint64_t cache_suspect_bytes = 0;  // judged, and read so soon that a cache of the device may have answered
  std::array<std::uint64_t, kHostFaults> host_faults{};
  bool asked_for = false;  // whether data was to be checked
  bool unmarked = false;   // of some of that, neither tags nor headers say what it is
  [[nodiscard]] std::uint64_t mismatch_count() const;
  [[nodiscard]] std::uint64_t host_fault_count() const;
  void merge(const VerifyTotals& other);
};

// Where the fault is, as far as reading the place again in other ways tells.
enum class Finding : std::uint8_t {
  untried,
  medium,     // every way reads the same wrong data: the medium, or the way of the write
  read_path,  // every way reads the right data now: it was lost on the way of the read
  engine,     // only what the job's engine reads is wrong
  nothing,    // reads succeed and deliver nothing
  unstable,   // each way reads other data
};
inline constexpr std::array<std::string_view, 6> kFindingNames{
    "untried", "medium", "read_path", "engine", "nothing_transferred", "unstable"};

// One way of reading it again, and what came: "right", "same", "other", "nothing" or the name of an errno.
struct Reread {
  std::string way;  // "splice", "psync", "cache", "splice after 1 s"
  std::string result;
};

// An interval that does not hold what it should.
struct Miscompare {
  util::WallTime at;
  verify::IntervalDamage damage;
  std::uint64_t first = 0, last = 0;  // bytes of the interval that differ, counted from its start
  std::uint64_t bits = 0;             // that differ
  std::uint64_t dump_offset = 0;      // of the dumps, from the start of the device
  std::string expected, found;        // of a sector at most; empty where too many were kept before
  Finding finding = Finding::untried;
  std::vector<Reread> rereads;
};

// A place of which nobody knows what it holds.
struct DoubtfulRange {
  std::uint64_t offset = 0, length = 0;  // bytes
};

// All of it that is shown of a stage or a device.
struct VerifySnapshot : VerifyTotals {
  std::uint64_t indeterminate_ranges = 0;
  std::vector<DoubtfulRange> indeterminate;       // the first of them
  std::map<std::uint32_t, std::uint64_t> passes;  // bytes by pass, of data that tells its pass itself
  std::string adopted_run_id;                     // whose data was checked, where that was left open
  std::optional<std::uint64_t> adopted_seed;
  std::optional<std::int64_t> shift;  // by which all that was misdirected lies beside its place, bytes
  std::vector<Miscompare> miscompares;
  std::uint64_t miscompares_omitted = 0;
};

}  // namespace spliced::run
