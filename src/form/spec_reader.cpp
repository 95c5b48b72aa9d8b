// SPDX-License-Identifier: Apache-2.0
#include "spec_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "criteria_form.h"
#include "json_object_reader.h"
#include "recipe.h"
#include "stage_reader.h"
#include "strict_json.h"

namespace spliced::form {

namespace {

void read_job(JsonObjectReader& fields, plan::JobSpec& spec, SpecForm& form) {
  fields.read("name", spec.name);
  if (const nlohmann::json* recipe = fields.find("recipe"); recipe != nullptr && recipe->is_string())
    spec.recipe = recipe->get<std::string>();
  if (const nlohmann::json* parameters = fields.find("parameters"); parameters != nullptr && !parameters->is_null()) {
    if (spec.recipe.empty()) fields.error("parameters", "only a recipe has parameters; name one in /recipe");
    spec.recipe_parameters = parameters->dump();
  }
  fields.read("targets", spec.targets);
  read_stages(fields, spec, form);
  fields.nested("criteria", [&](JsonObjectReader& inner) { read_criteria(inner, spec.criteria); });
  fields.read_name("on_restart", plan::kOnRestartNames, spec.on_restart);
  fields.read("queue", spec.queue);
  fields.read("destructive", spec.destructive);
  fields.read("confirm", spec.confirm);
  fields.read("allow_in_use", spec.allow_in_use);
  fields.read("overwrite_signatures", spec.overwrite_signatures);
}

bool starts_with_any(const std::vector<util::FieldError>& errors, const std::string& pointer) {
  return std::any_of(errors.begin(), errors.end(), [&](const auto& e) { return e.pointer.starts_with(pointer); });
}

// Adds what plan::check_spec says, but not of fields that could not be read: those keep their default, and what the
// checks would say of it would only confuse.
void add_checks(const plan::JobSpec& spec, const SpecForm& form, std::vector<util::FieldError>& errors) {
  const std::vector<util::FieldError> unread = errors;
  const auto is_unread = [&](const std::string& pointer) { return starts_with_any(unread, pointer); };
  const bool any_mode_unknown =
      std::any_of(unread.begin(), unread.end(), [](auto& error) { return error.pointer.ends_with("/rw"); });
  for (auto& error : form.with_pointers(plan::check_spec(spec))) {
    const std::string& pointer = error.pointer;
    const std::string workload = pointer.substr(0, pointer.rfind('/'));
    const bool about_mode =
        pointer.ends_with("sync") || pointer.ends_with("/sync_file_range") || pointer.ends_with("/random_distribution");
    const bool about_modes = pointer == "/destructive" || pointer == "/allow_in_use";
    if (is_unread(pointer) || (about_mode && is_unread(workload + "/rw")) || (about_modes && any_mode_unknown))
      continue;
    errors.push_back(std::move(error));
  }
}

}  // namespace

tl::expected<ReadSpec, SpecError> read_spec(std::string_view body, const RecipeBook& recipes) {
  auto document = parse_strict(body);
  if (!document) return tl::unexpected(SpecError{true, document.error().details});
  if (!document->is_object()) {
    return tl::unexpected(
        SpecError{false, {{"", fmt::format("{} is given; an object is expected", quote(*document))}}});
  }
  ReadSpec out;
  SpecError refused;
  apply_recipe(recipes, *document, refused.errors);
  if (!refused.errors.empty()) return tl::unexpected(std::move(refused));
  JsonObjectReader fields(*document, "", refused.errors);
  read_job(fields, out.spec, out.form);
  fields.finish();
  add_checks(out.spec, out.form, refused.errors);
  if (!refused.errors.empty()) {
    refused.targets = std::move(out.spec.targets);
    return tl::unexpected(std::move(refused));
  }
  return out;
}

plan::JobSpec read_recorded_spec(std::string_view text) {
  plan::JobSpec out;
  const auto document = parse_strict(text);
  if (!document || !document->is_object()) return out;
  SpecForm form;
  std::vector<util::FieldError> ignored;
  JsonObjectReader fields(*document, "", ignored);
  read_job(fields, out, form);
  return out;
}

util::Result<plan::JobSpec> read_spec_or_error(std::string_view body, const RecipeBook& recipes) {
  auto read = read_spec(body, recipes);
  if (read) return std::move(read->spec);
  util::Error error{util::Errc::invalid, {}, 0, std::move(read.error().errors)};
  for (const auto& field : error.details) {
    error.message += fmt::format("{}{}{}{}", error.message.empty() ? "" : "; ", field.pointer,
                                 field.pointer.empty() ? "" : ": ", field.detail);
  }
  return tl::unexpected(std::move(error));
}

}  // namespace spliced::form
