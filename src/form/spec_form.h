// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "spliced/plan/report.h"
#include "spliced/util/result.h"

namespace spliced::form {

// How a job definition was written: with one workload or with stages, each of these with one workload or with streams,
// and what each stage says for itself. A job has stages of streams alone; what is wrong with it is told in the words of
// whoever wrote it.
struct SpecForm {
  struct Stage {
    bool one_workload = true;
    bool engine = false, error_policy = false;  // of its own
    std::vector<Stage> stages = {};             // of a repeat
  };
  bool one_workload = true;
  std::vector<Stage> stages;

  // The JSON pointer of a field: "/workload/bs", "/stages/0/workload/bs" or "/stages/0/streams/0/workload/bs" of
  // "stages/0/streams/0/workload/bs".
  [[nodiscard]] std::string pointer_to(std::string_view field) const;
  [[nodiscard]] std::vector<util::FieldError> with_pointers(std::vector<util::FieldError> errors) const;
  [[nodiscard]] util::Error with_pointers(util::Error error) const;
  [[nodiscard]] plan::PlanReport with_pointers(plan::PlanReport report) const;
};

}  // namespace spliced::form
