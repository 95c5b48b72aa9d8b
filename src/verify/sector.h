// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <span>

#include "spliced/verify/damage.h"

namespace spliced::verify {

using Sector = std::array<std::byte, kSector>;

[[nodiscard]] SectorDamage diagnose_sector(std::span<const std::byte, kSector> data, std::uint64_t offset,
                                           const Expectation& expected, Rules rules);
// What it should hold.
[[nodiscard]] Sector sector_of(const Generation& generation, std::uint64_t offset);
// How an unexpected tag relates to the expected one.
[[nodiscard]] Kind relation(const Tag& found, const Tag& expected, Rules rules);

}  // namespace spliced::verify
