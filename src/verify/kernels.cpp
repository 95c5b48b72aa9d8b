// SPDX-License-Identifier: Apache-2.0
#include "kernels.h"

#include <bit>
#include <cstring>

#include "spliced/util/random.h"
#include "spliced/verify/tag.h"

namespace spliced::verify {
namespace {

// The compiler's vectors: each of the functions below is compiled once for what every CPU has (SSE2, NEON), and once
// for AVX2.
using Quad = std::uint64_t __attribute__((vector_size(32)));
#define SPLICED_INLINE inline __attribute__((always_inline))

SPLICED_INLINE void load(Quad& out, const std::byte* at) {
  std::memcpy(&out, at, sizeof out);
}

// The words of a tag; see words_of().
SPLICED_INLINE void make_words(Quad& out, const PassKeys& keys, std::uint64_t offset) {
  const std::uint64_t w0 = util::mix64(offset + keys.sum);
  out = Quad{w0, std::rotl(w0, 32) ^ keys.pass, std::rotl(w0, 16) ^ keys.job, std::rotl(w0, 48) ^ keys.device};
}

SPLICED_INLINE void fill_all(const std::byte* pool, const PassKeys& keys, std::uint64_t offset, std::size_t sectors,
                             std::byte* out) {
  for (std::size_t i = 0; i < sectors; ++i, offset += kSector, out += kSector) {
    Quad tag;
    make_words(tag, keys, offset);
    const std::byte* const from = pool + offset % kPoolBytes;
#pragma GCC unroll 16
    for (std::size_t at = 0; at < kSector; at += sizeof(Quad)) {
      Quad words;
      load(words, from + at);
      words ^= tag;
      std::memcpy(out + at, &words, sizeof words);
    }
  }
}

// What differs in a sector, from byte `skip` on.
SPLICED_INLINE void compare_sector(Quad (&wrong)[2], const std::byte* from, const Quad& tag, std::size_t skip,
                                   const std::byte* data) {
#pragma GCC unroll 8
  for (std::size_t at = skip; at < kSector; at += sizeof wrong) {
    for (std::size_t k = 0; k < 2; ++k) {  // two chains, so that one need not wait for the other
      Quad expected, found;
      load(expected, from + at + k * sizeof(Quad));
      load(found, data + at + k * sizeof(Quad));
      wrong[k] |= expected ^ tag ^ found;
    }
  }
}

SPLICED_INLINE bool is_any(const Quad (&wrong)[2]) {
  const Quad any = wrong[0] | wrong[1];
  return (any[0] | any[1] | any[2] | any[3]) != 0;
}

SPLICED_INLINE void compare_at(Quad (&wrong)[2], const std::byte* pool, const PassKeys& keys, std::uint64_t offset,
                               std::size_t skip, const std::byte* data) {
  Quad tag;
  make_words(tag, keys, offset);
  compare_sector(wrong, pool + offset % kPoolBytes, tag, skip, data);
}

// All of it first: which sector it is, is asked when there is one.
SPLICED_INLINE std::size_t check_all(const std::byte* pool, const PassKeys& keys, std::uint64_t offset,
                                     std::size_t sectors, std::size_t skip, const std::byte* data) {
  Quad all[2] = {};
  compare_at(all, pool, keys, offset, skip, data);
  for (std::size_t i = 1; i < sectors; ++i) compare_at(all, pool, keys, offset + i * kSector, 0, data + i * kSector);
  for (std::size_t i = 0; i < sectors && is_any(all); ++i) {
    Quad wrong[2] = {};
    compare_at(wrong, pool, keys, offset + i * kSector, i == 0 ? skip : 0, data + i * kSector);
    if (is_any(wrong)) return i;
  }
  return sectors;
}

SPLICED_INLINE std::size_t check_all_repeated(const std::byte* repeated, std::size_t sectors, std::size_t skip,
                                              const std::byte* data) {
  static_assert(sizeof(Quad) == kRepeated);
  Quad expected;
  load(expected, repeated);
  for (std::size_t i = 0; i < sectors; ++i, data += kSector, skip = 0) {
    Quad wrong[2] = {};
#pragma GCC unroll 8
    for (std::size_t at = skip; at < kSector; at += sizeof wrong) {
      for (std::size_t k = 0; k < 2; ++k) {
        Quad found;
        load(found, data + at + k * sizeof(Quad));
        wrong[k] |= expected ^ found;
      }
    }
    if (is_any(wrong)) return i;
  }
  return sectors;
}

void fill_portably(const std::byte* pool, const PassKeys& keys, std::uint64_t offset, std::size_t sectors,
                   std::byte* out) {
  fill_all(pool, keys, offset, sectors, out);
}
std::size_t check_portably(const std::byte* pool, const PassKeys& keys, std::uint64_t offset, std::size_t sectors,
                           std::size_t skip, const std::byte* data) {
  return check_all(pool, keys, offset, sectors, skip, data);
}
std::size_t check_repeated_portably(const std::byte* repeated, std::size_t sectors, std::size_t skip,
                                    const std::byte* data) {
  return check_all_repeated(repeated, sectors, skip, data);
}
constexpr Kernels kPortable{"portable", fill_portably, check_portably, check_repeated_portably};

#if defined(__x86_64__)
__attribute__((target("avx2"))) void fill_avx2(const std::byte* pool, const PassKeys& keys, std::uint64_t offset,
                                               std::size_t sectors, std::byte* out) {
  fill_all(pool, keys, offset, sectors, out);
}
__attribute__((target("avx2"))) std::size_t check_avx2(const std::byte* pool, const PassKeys& keys,
                                                       std::uint64_t offset, std::size_t sectors, std::size_t skip,
                                                       const std::byte* data) {
  return check_all(pool, keys, offset, sectors, skip, data);
}
__attribute__((target("avx2"))) std::size_t check_repeated_avx2(const std::byte* repeated, std::size_t sectors,
                                                                std::size_t skip, const std::byte* data) {
  return check_all_repeated(repeated, sectors, skip, data);
}
constexpr Kernels kAvx2{"avx2", fill_avx2, check_avx2, check_repeated_avx2};
#endif

}  // namespace

const Kernels& portable_kernels() {
  return kPortable;
}

const Kernels& best_kernels() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return kAvx2;
#endif
  return kPortable;
}

}  // namespace spliced::verify
