// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "spliced/util/result.h"

namespace spliced::workload {

// How far a sequence of blocks has come, exactly: what is done, and nothing else, need not be done again. Its size is
// bounded whatever the range, and it says nothing of workers, chunks or depths: others may go on from it with any.
//
// Positions number the blocks through all rounds. A request that failed is done, too; one that was stopped is not.
struct Cursor {
  // Of the positions that may be done beyond the first that is not, and of those that may be missing before.
  static constexpr std::uint64_t kWindow = 65'536;
  static constexpr std::size_t kMaxMissing = 1'024;

  std::uint64_t position = 0;          // the first that nobody has begun
  std::uint64_t watermark = 0;         // all before are done, but for `missing`
  std::vector<std::uint64_t> missing;  // ascending, at most kMaxMissing
  std::vector<std::uint64_t> done;     // bit i % 64 of word i / 64: whether watermark + i is done; kWindow bits at most

  [[nodiscard]] bool is_done(std::uint64_t position) const;
};

// `missing` and `done` as bytes, least significant first: the version 1; in two bytes how many are missing, and these
// in eight each; then the words of `done`.
[[nodiscard]] std::string pack(const Cursor& cursor);
// The cursor of what pack() made. Error: invalid.
[[nodiscard]] util::Result<Cursor> unpack(std::uint64_t position, std::uint64_t watermark, std::string_view bytes);

}  // namespace spliced::workload
