// SPDX-License-Identifier: Apache-2.0
// What is wrong with data that is not what it should be. docs/VERIFY.md has the table of rules.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "spliced/verify/image.h"

namespace spliced::verify {

// Worst first.
enum class Kind : std::uint8_t { foreign, misdirected, torn, ahead, stale, zeroed, ones, garbage, bitflip, ok };
inline constexpr std::size_t kKinds = 9;  // without ok
inline constexpr std::array<std::string_view, kKinds + 1> kKindNames{
    "foreign", "misdirected", "torn", "ahead", "stale", "zeroed", "ones", "garbage", "bitflip", "ok"};

// What only tags or headers tell: without them nothing shows whose data it is, of which place, and that it is too new.
inline constexpr std::array kKindsOfMarkedData{Kind::foreign, Kind::misdirected, Kind::ahead};

// What a place should hold, and what it held before.
struct Generation {
  const Image* image = nullptr;
  std::uint32_t pass = 0;
};
struct Expectation {
  Generation now;
  Generation before;  // null image: nobody knows
};

// Of a sector.
struct SectorDamage {
  std::uint64_t offset = 0;  // bytes from the start of the device
  Kind kind = Kind::ok;
  bool damaged = false;  // there is more wrong with it than its kind tells
  // These are of the bytes that differ from what was expected, within the sector.
  std::uint32_t first = 0, last = 0;
  std::uint32_t bits = 0;
  std::uint32_t torn_at = 0;  // of a torn one: the byte at which the other data begins; 0: within, nobody knows where
  std::optional<Tag> found;   // one that was not expected
  std::optional<std::byte> repeated;  // what all bytes from `first` to `last` are
};

// Of an interval, or of what there is of one.
struct IntervalDamage {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  Kind kind = Kind::ok;               // the worst
  std::vector<SectorDamage> sectors;  // that are not ok, in order
  std::size_t sectors_omitted = 0;    // of these, those that whoever keeps it has dropped
  std::optional<Tag> found;           // of the first sector of this kind
  std::optional<Header> header;       // that was found, wherever it was, and was not expected
  std::int64_t shift =
      0;  // bytes by which data lies behind its place: it slipped in the path; 0: it did not, or nobody knows
  bool other_device = false, other_job = false;  // of a foreign one
  Tag expected;                                  // of its first sector that is not ok
};

// What can be left out of the decision, so that a test shows that it is needed.
enum class Rule : std::uint8_t {
  job,
  device,
  place,
  age,
  torn,
  few_bits,
  run_of_eight,
  part_of_tag,
  one_run,
  before,
  slip
};
class Rules {
 public:
  [[nodiscard]] static constexpr Rules all() { return Rules(~0U); }
  [[nodiscard]] constexpr Rules without(Rule rule) const { return Rules(set_ & ~(1U << static_cast<unsigned>(rule))); }
  [[nodiscard]] constexpr bool has(Rule rule) const { return (set_ >> static_cast<unsigned>(rule) & 1U) != 0; }

 private:
  explicit constexpr Rules(unsigned set) : set_(set) {}
  unsigned set_;
};

// Whether all of it is zeros, or ones, as what was never written or was trimmed may be.
[[nodiscard]] bool is_blank(std::span<const std::byte> data);

// `data`: whole sectors of one interval, from `offset` on. Allocates; for what was found to be wrong.
[[nodiscard]] IntervalDamage diagnose(std::span<const std::byte> data, std::uint64_t offset,
                                      const Expectation& expected, Rules rules = Rules::all());

}  // namespace spliced::verify
