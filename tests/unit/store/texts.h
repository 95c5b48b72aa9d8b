// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "spliced/store/job_store.h"

namespace spliced::testing {

// All pieces of a text.
[[nodiscard]] inline std::string text_of(const util::Pieces& pieces) {
  std::string out;
  for (bool more = true; more;) {
    std::string piece;
    more = pieces(piece);
    out += piece;
  }
  return out;
}
// A text in pieces of `size` bytes.
[[nodiscard]] inline util::Pieces pieces_of(std::string text, std::size_t size = util::kPieceBytes) {
  return [text = std::move(text), size, at = std::size_t{0}](std::string& out) mutable {
    out.append(text, at, size);
    at = std::min(text.size(), at + size);
    return at < text.size();
  };
}
// All devices of a job.
[[nodiscard]] inline std::vector<store::StoredDevice> devices_of(const store::DeviceSequence& next) {
  std::vector<store::StoredDevice> out;
  while (auto device = next()) out.push_back(std::move(*device));
  return out;
}
[[nodiscard]] inline store::DeviceSource source_of(std::vector<store::StoredDevice> devices) {
  return [devices]() -> store::DeviceSequence {
    return [devices, at = std::size_t{0}]() mutable -> std::optional<store::StoredDevice> {
      if (at == devices.size()) return std::nullopt;
      return devices[at++];
    };
  };
}
// One device with these figures.
[[nodiscard]] inline store::DeviceSource results_of(const std::string& figures) {
  store::StoredDevice device;
  device.name = "sda";
  device.figures = figures;
  return source_of({device});
}

}  // namespace spliced::testing
