// SPDX-License-Identifier: Apache-2.0
// Tables of names, which stand for the numbers of their places.
#pragma once
#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string_view>

namespace spliced::util {

// The place of a name; nullopt where it is not among them.
template <class Names>
[[nodiscard]] std::optional<std::size_t> index_of(const Names& names, std::string_view name) {
  const auto found = std::find(std::begin(names), std::end(names), name);
  if (found == std::end(names)) return std::nullopt;
  return static_cast<std::size_t>(found - std::begin(names));
}

// What a name stands for.
template <class Names, class Enum>
[[nodiscard]] Enum named(const Names& names, std::string_view name, Enum otherwise) {
  const auto index = index_of(names, name);
  return index ? static_cast<Enum>(*index) : otherwise;
}

}  // namespace spliced::util
