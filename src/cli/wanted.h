// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "spliced/util/result.h"

namespace spliced::cli {

// All of a file; - stands for standard input.
[[nodiscard]] util::Result<std::string> read_file(const std::string& file);

// The job that a user wants: in a file, or by a recipe for some devices.
struct Wanted {
  std::vector<std::string> words;  // the file, - for standard input; with a recipe, the devices
  std::string recipe, name;
  std::vector<std::string> settings;  // NAME=VALUE, of the recipe's parameters
  std::vector<std::string> confirm, overwrite;
  bool destructive = false, queue = false;
};
// The definition as JSON.
[[nodiscard]] util::Result<std::string> definition_of(const Wanted& wanted);

}  // namespace spliced::cli
