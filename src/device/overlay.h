// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace spliced::device {

struct LayerName {
  std::string path;  // as it was given to mount(8): may be relative
  std::string role;  // "upper", "lower" or "work"
};

// The directories that an overlay is made of, from the options of its file system as mountinfo has them, with their
// octal escapes.
[[nodiscard]] std::vector<LayerName> overlay_layers(std::string_view options);

// The options of the file system in one line of mountinfo, as they stand there: a comma in a name is still escaped.
[[nodiscard]] std::string_view super_options(std::string_view line);

}  // namespace spliced::device
