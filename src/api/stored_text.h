// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>

#include "spliced/util/pieces.h"

namespace spliced::api {

// Takes the stored document of a job apart as it is read, so that no more than one device of it is in memory. What is
// no such document ends early.
class StoredText {
 public:
  explicit StoredText(util::Pieces pieces) : pieces_(std::move(pieces)) {}

  // Everything but the devices, as an object. Call it first.
  [[nodiscard]] std::string head();
  // The next device; nullopt after the last one.
  [[nodiscard]] std::optional<std::string> device();

 private:
  [[nodiscard]] int next();  // the next byte, or -1
  // Reads the value whose first bracket has been read; "" if it does not end within reason.
  [[nodiscard]] std::string rest_of_object();

  util::Pieces pieces_;
  std::string piece_;
  std::size_t at_ = 0;
  bool more_ = true;
  bool in_devices_ = false;
};

}  // namespace spliced::api
