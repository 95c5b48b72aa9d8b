// SPDX-License-Identifier: Apache-2.0
// What the tests of this room have in common; the numbers are those of docs/VERIFY.md.
#pragma once
#include <vector>

#include "spliced/verify/image.h"

namespace spliced::verify::testing {

using Bytes = std::vector<std::byte>;

inline Origin origin() {
  return {*run_id_of("00112233-4455-6677-8899-aabbccddeeff"), device_identity("5000c500a1b2c3d4"), 1};
}
inline Bytes bytes(std::size_t size) {
  return Bytes(size);
}
inline Payload random_payload(std::uint32_t interval = 4096) {
  Payload out;
  out.interval = interval;
  return out;
}
inline Bytes sector(const Tag& tag) {
  Bytes out(kSector);
  Image(random_payload(0), origin()).fill_sector(tag, std::span<std::byte, kSector>(out.data(), kSector));
  return out;
}
inline Bytes filled(const Image& image, std::size_t size, std::uint64_t offset, std::uint32_t pass) {
  Bytes out(size);
  image.fill(out, offset, pass);
  return out;
}

// CRC-32C, bit by bit.
inline std::uint32_t crc32c(std::span<const std::byte> data) {
  std::uint32_t crc = ~0U;
  for (const std::byte byte : data) {
    crc ^= std::to_integer<std::uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78U : 0);
  }
  return ~crc;
}

}  // namespace spliced::verify::testing
