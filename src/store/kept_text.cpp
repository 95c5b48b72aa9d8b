// SPDX-License-Identifier: Apache-2.0
#include "kept_text.h"

#include <algorithm>
#include <utility>

namespace spliced::store {

KeptText text_of(const Document& document, std::size_t limit) {
  auto text = std::make_shared<std::string>();
  const util::Pieces next = document();
  for (bool more = true; more;) {
    more = next(*text);
    if (text->size() > limit) return nullptr;
  }
  return text;
}

Document read_again(KeptText text) {
  return [text = std::move(text)]() -> util::Pieces {
    return [text, at = std::size_t{0}](std::string& out) mutable {
      out.append(*text, at, util::kPieceBytes);
      at = std::min(text->size(), at + util::kPieceBytes);
      return at < text->size();
    };
  };
}

}  // namespace spliced::store
