// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>

#include "recipe.h"
#include "spec_form.h"
#include "spliced/plan/spec.h"

namespace spliced::form {

// How a client's body came to be refused, or not: `malformed` is not JSON (400), otherwise its fields are wrong (422).
struct SpecError {
  bool malformed = false;
  std::vector<util::FieldError> errors;
  std::vector<std::string> targets = {};  // as far as they could be read
};

struct ReadSpec {
  plan::JobSpec spec;
  SpecForm form;
};

// A job definition as JSON text → JobSpec. Every error is found at once, each with its JSON pointer; the semantic
// checks of plan::check_spec are part of it.
[[nodiscard]] tl::expected<ReadSpec, SpecError> read_spec(std::string_view body, const RecipeBook& recipes = {});

// The same for callers without a notion of HTTP: Errc::invalid with all details.
[[nodiscard]] util::Result<plan::JobSpec> read_spec_or_error(std::string_view body, const RecipeBook& recipes = {});

// A spec that was accepted once, as render_spec() writes it: what today's reader would refuse of it is left at its
// default.
[[nodiscard]] plan::JobSpec read_recorded_spec(std::string_view text);

}  // namespace spliced::form
