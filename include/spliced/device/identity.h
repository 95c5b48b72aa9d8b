// SPDX-License-Identifier: Apache-2.0
// What a disk is known by, wherever and under whatever name it is found.
#pragma once
#include <string>
#include <vector>

#include "spliced/device/block_topology.h"

namespace spliced::device {

// Whether a WWN, with or without a prefix, tells one disk from another: bridges that know no number of their disk tell
// one of zeros, or of ones, all of them the same.
[[nodiscard]] bool is_telling(const std::string& wwn);
// The number that was assigned to it for good (WWN, NGUID, EUI-64): lower-case hexadecimal digits without a prefix; ""
// for none, or one that many have.
[[nodiscard]] std::string assigned_number(const DeviceInfo& info);
// That number; else vendor, model and serial, trimmed, joined by line feeds; "" where there is no serial either.
[[nodiscard]] std::string known_by(const DeviceInfo& info);

// Whether one of the words is its serial or its WWN, in either case of letters and with whatever prefix a WWN is shown
// with. A device that has neither needs none.
[[nodiscard]] bool is_confirmed(const DeviceInfo& info, const std::vector<std::string>& words);

}  // namespace spliced::device
