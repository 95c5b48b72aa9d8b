// SPDX-License-Identifier: Apache-2.0
#include "spec_form.h"

#include <charconv>

namespace spliced::api {

std::string SpecForm::pointer_to(std::string_view field) const {
  constexpr std::string_view kStages = "stages/";
  if (field.empty()) return "";
  std::size_t index = 0;
  const auto slash = field.find('/', kStages.size());
  if (!field.starts_with(kStages) || slash == field.npos) return "/" + std::string(field);
  std::from_chars(field.data() + kStages.size(), field.data() + slash, index);
  const std::string_view rest = field.substr(slash + 1);
  const Stage own = index < stages.size() ? stages[index] : Stage{};
  const bool of_the_job = one_workload || (rest.starts_with("engine") && !own.engine) ||
                          (rest.starts_with("error_policy") && !own.error_policy);
  return "/" + std::string(of_the_job ? rest : field);
}

std::vector<util::FieldError> SpecForm::with_pointers(std::vector<util::FieldError> errors) const {
  for (auto& error : errors) error.pointer = pointer_to(error.pointer);
  return errors;
}

util::Error SpecForm::with_pointers(util::Error error) const {
  error.details = with_pointers(std::move(error.details));
  return error;
}

job::PlanReport SpecForm::with_pointers(job::PlanReport report) const {
  report.errors = with_pointers(std::move(report.errors));
  for (auto& target : report.targets) target.errors = with_pointers(std::move(target.errors));
  return report;
}

}  // namespace spliced::api
