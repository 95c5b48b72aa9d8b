// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <string>
#include <type_traits>
#include <vector>

#include "spliced/plan/spec.h"

namespace spliced::plan {

// The stage that a verify stage names; null: there is none of that name before it.
template <class Stage>
struct Written {
  using Io = std::conditional_t<std::is_const_v<Stage>, const run::IoSpec, run::IoSpec>;
  Stage* stage = nullptr;
  Io* io = nullptr;  // null where the stage is not one workload
};

// Stages by name, as they come, those in a repeat too: StageSpec, or const StageSpec. Holds pointers to what it is
// given.
template <class Stage>
class StagesBefore {
 public:
  void add(Stage& stage) { stages_.push_back(&stage); }
  [[nodiscard]] Written<Stage> find(const std::string& name) const {
    const auto is_it = [&](const Stage* stage) { return stage->name == name; };
    const auto found = std::find_if(stages_.rbegin(), stages_.rend(), is_it);
    if (found == stages_.rend()) return {};
    auto* io = std::get_if<run::StreamsSpec>(&(*found)->what);
    return {*found, io == nullptr || io->streams.size() != 1 ? nullptr : &io->streams.front().io};
  }

 private:
  std::vector<Stage*> stages_;
};

}  // namespace spliced::plan
