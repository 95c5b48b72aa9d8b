// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <string>

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
[[nodiscard]] inline store::Document document_of(const std::string& text, std::size_t size = util::kPieceBytes) {
  return [text, size] { return pieces_of(text, size); };
}

}  // namespace spliced::testing
