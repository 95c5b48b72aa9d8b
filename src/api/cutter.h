// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "spliced/util/pieces.h"

namespace spliced::api {

// Cuts what a source makes, in parts of any length, into pieces. The source returns "" when it is at its end.
class Cutter {
 public:
  explicit Cutter(std::function<std::string()> source) : source_(std::move(source)) {}
  bool operator()(std::string& out) {
    const std::size_t end = out.size() + util::kPieceBytes;
    while (out.size() < end) {
      if (at_ == part_.size() && !refill()) return false;
      const std::size_t length = std::min(end - out.size(), part_.size() - at_);
      out.append(part_, at_, length);
      at_ += length;
    }
    return at_ < part_.size() || refill();
  }

 private:
  bool refill() {
    at_ = 0;
    part_ = source_();
    return !part_.empty();
  }
  std::function<std::string()> source_;
  std::string part_;
  std::size_t at_ = 0;
};

// A std::function must be copyable, and what it holds is not.
template <class Source>
util::Pieces pieces_of(std::shared_ptr<Source> source) {
  auto cutter = std::make_shared<Cutter>([source] { return (*source)(); });
  return [cutter](std::string& out) { return (*cutter)(out); };
}

}  // namespace spliced::api
