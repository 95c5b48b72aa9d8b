// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "spliced/util/result.h"

namespace spliced::plan {

// Gathers what is wrong with a value, each with its field.
class FieldCheck {
 public:
  void require(bool good, std::string pointer, std::string detail, util::Reason reason = util::Reason::invalid) {
    if (!good) errors_.push_back({std::move(pointer), std::move(detail), reason});
  }
  void add(std::vector<util::FieldError> errors) {
    for (util::FieldError& error : errors) errors_.push_back(std::move(error));
  }
  [[nodiscard]] bool good() const { return errors_.empty(); }  // so far
  [[nodiscard]] std::vector<util::FieldError> take() { return std::move(errors_); }

 private:
  std::vector<util::FieldError> errors_;
};

}  // namespace spliced::plan
