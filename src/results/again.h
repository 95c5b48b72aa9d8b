// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "document.h"
#include "spliced/plan/spec.h"

namespace spliced::results {

// What a device showed, worked out again from what was measured: in the place of what the document says it came to.
class Again {
 public:
  Again(const std::vector<plan::Leaf>& leaves, Device& device) : leaves_(leaves), device_(device) {}
  // What comes out otherwise than it stands there is added to `differences`. How many stages there was all of.
  std::size_t work_out(std::vector<std::string>& differences);

 private:
  bool stage(std::size_t index);
  void compare(std::size_t index, const run::StageEvidence& again, const run::StageEvidence& there);
  void zones();
  void differs(std::size_t stage, const std::string& what);

  const std::vector<plan::Leaf>& leaves_;
  Device& device_;
  std::vector<std::string> differences_;
};

}  // namespace spliced::results
