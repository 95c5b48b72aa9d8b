// SPDX-License-Identifier: Apache-2.0
#include "spec_form.h"

#include <fmt/format.h>

#include <charconv>

namespace spliced::form {

namespace {

// Takes "NAME/INDEX/" off the front; false, and nothing happens, where it is something else.
bool take_item(std::string_view name, std::string_view& field, std::size_t& index) {
  if (!field.starts_with(name) || field.substr(name.size()).substr(0, 1) != "/") return false;
  const std::string_view rest = field.substr(name.size() + 1);
  const auto slash = rest.find('/');
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), index);
  if (error != std::errc() || slash == rest.npos || end != rest.data() + slash) return false;
  field = rest.substr(slash + 1);
  return true;
}

}  // namespace

// Goes down with the field, past what was not written, and remembers where engine and error policy were said last.
std::string SpecForm::pointer_to(std::string_view field) const {
  if (field.empty()) return "";
  std::string at, engine_at, policy_at;
  static const Stage kUnknown;
  const std::vector<Stage>* list = &stages;
  const Stage* stage = &kUnknown;
  for (std::size_t index = 0; take_item("stages", field, index);) {
    stage = index < list->size() ? &list->at(index) : &kUnknown;
    if (!one_workload) at += fmt::format("/stages/{}", index);
    if (stage->engine) engine_at = at;
    if (stage->error_policy) policy_at = at;
    if (!field.starts_with("repeat/stages/")) break;
    field.remove_prefix(std::string_view("repeat/").size());
    at += "/repeat";
    list = &stage->stages;
  }
  std::size_t stream = 0;
  if (take_item("streams", field, stream) && !stage->one_workload && !field.starts_with("engine")) {
    at += fmt::format("/streams/{}", stream);
  }
  if (field.starts_with("engine")) return engine_at + "/" + std::string(field);
  if (field.starts_with("error_policy")) return policy_at + "/" + std::string(field);
  return at + "/" + std::string(field);
}

std::vector<util::FieldError> SpecForm::with_pointers(std::vector<util::FieldError> errors) const {
  for (auto& error : errors) error.pointer = pointer_to(error.pointer);
  return errors;
}

util::Error SpecForm::with_pointers(util::Error error) const {
  error.details = with_pointers(std::move(error.details));
  return error;
}

plan::PlanReport SpecForm::with_pointers(plan::PlanReport report) const {
  report.errors = with_pointers(std::move(report.errors));
  for (auto& target : report.targets) target.errors = with_pointers(std::move(target.errors));
  return report;
}

}  // namespace spliced::form
