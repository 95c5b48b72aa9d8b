// SPDX-License-Identifier: Apache-2.0
// Templates of jobs: what a burn-in is, said once.
#pragma once
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "spliced/util/result.h"

namespace spliced::form {

// A job with parameters. In `job`, a text "$NAME" stands for the value of a parameter, within a longer text for its
// text; a member of an array that is an object with "$if" is only there when that holds, and a member of an object that
// is {"$if": …, "$then": VALUE} is VALUE then, and else not there: "NAME" (true, not 0, not
// empty), "!NAME", "NAME=VALUE", or an array of these, all of which must hold. An ordinary value.
class Recipe {
 public:
  // The error says what is wrong with the text.
  [[nodiscard]] static util::Result<Recipe> parse(std::string_view text);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& text() const { return text_; }  // JSON, as it was written
  // Makes a definition that names it the one that it stands for: with what else the client says in place of what the
  // recipe says, and criteria one by one. What is wrong is added to `errors`, with its pointer.
  void apply(nlohmann::json& definition, std::vector<util::FieldError>& errors) const;

 private:
  std::string name_, text_;
};

// All that this daemon knows: its own, and those of a directory, which take precedence. Thread-safe once made.
class RecipeBook {
 public:
  // Its own alone.
  [[nodiscard]] static RecipeBook built_in();
  // Adds those of *.json in a directory, which need not be there. What is wrong, each with its file; that one is left
  // out.
  [[nodiscard]] std::vector<std::string> add_directory(const std::string& path);
  [[nodiscard]] const Recipe* find(std::string_view name) const;
  [[nodiscard]] const std::map<std::string, Recipe, std::less<>>& all() const { return recipes_; }

 private:
  std::map<std::string, Recipe, std::less<>> recipes_;
};

// As Recipe::apply(). A definition that names no recipe stays as it is.
void apply_recipe(const RecipeBook& book, nlohmann::json& definition, std::vector<util::FieldError>& errors);

}  // namespace spliced::form
