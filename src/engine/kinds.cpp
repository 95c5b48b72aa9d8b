// SPDX-License-Identifier: Apache-2.0
#include "kinds.h"

#include <array>
#include <tuple>
#include <utility>

namespace spliced::engine {

// In the order of the alternatives of Options.
const Kind& kind_at(std::size_t index) {
  static const std::array kinds{&splice_kind(), &psync_kind()};
  static_assert(std::tuple_size_v<decltype(kinds)> == kKinds, "each alternative of Options has its kind");
  return *kinds[index];
}

namespace {

template <std::size_t I = 0>
Options make_options(std::size_t kind) {
  if constexpr (I + 1 < kKinds) {
    return kind == I ? Options(std::in_place_index<I>) : make_options<I + 1>(kind);
  } else {
    return Options(std::in_place_index<I>);
  }
}

}  // namespace

Options default_options(std::size_t kind) {
  return make_options(kind);
}

}  // namespace spliced::engine
