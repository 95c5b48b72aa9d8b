// SPDX-License-Identifier: Apache-2.0
// Bytes that are the same nowhere else, and cheap under a sanitizer.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "spliced/util/random.h"

namespace spliced::engine::test {

inline std::vector<std::byte> draw_noise(std::size_t bytes) {
  std::vector<std::byte> noise(bytes);
  util::Random random(1);
  for (std::size_t done = 0; done + 8 <= bytes; done += 8) {
    const std::uint64_t word = random();
    std::memcpy(noise.data() + done, &word, 8);
  }
  return noise;
}

// From a place of its own in the same noise for each seed: to draw it anew was most of the time under a sanitizer.
inline void fill(std::span<std::byte> bytes, std::uint64_t seed) {
  static const std::vector<std::byte> noise = draw_noise(std::size_t{2} << 20);
  std::size_t from = util::mix64(seed) % noise.size();
  while (!bytes.empty()) {
    const std::size_t piece = std::min(bytes.size(), noise.size() - from);
    std::memcpy(bytes.data(), noise.data() + from, piece);
    bytes = bytes.subspan(piece);
    from = 0;
  }
}

inline bool same(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}
inline bool same(const std::byte* a, const std::byte* b, std::size_t length) {
  return std::memcmp(a, b, length) == 0;
}

}  // namespace spliced::engine::test
