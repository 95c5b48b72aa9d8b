// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "document.h"
#include "spliced/plan/spec.h"

namespace spliced::results {

// The numbers of a document are read as they were.
[[nodiscard]] bool is_same(double a, double b);
[[nodiscard]] bool is_same(const std::optional<double>& a, const std::optional<double>& b);

// What a device showed, worked out again from what was measured: in the place of what the document says it came to.
class Again {
 public:
  Again(const std::vector<plan::Leaf>& leaves, Device& device) : leaves_(leaves), device_(device) {}
  struct Count {
    std::size_t ended = 0, worked_out = 0;  // stages, and those of them of which there was all that it takes
  };
  // What comes out otherwise than it stands there is added to `differences`.
  Count work_out(std::vector<std::string>& differences);

 private:
  bool stage(std::size_t index);
  [[nodiscard]] bool has_figures(std::size_t index);
  void sums();
  void compare(std::size_t index, const run::StageEvidence& again, const run::StageEvidence& there);
  void zones();
  void differs(std::size_t stage, const std::string& what);

  const std::vector<plan::Leaf>& leaves_;
  Device& device_;
  std::vector<std::string> differences_;
};

}  // namespace spliced::results
