// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "recipe.h"
#include "recipe_text.h"

namespace spliced::api {

namespace fs = std::filesystem;

namespace {

constexpr std::uintmax_t kLargestRecipe = 1 << 20;  // bytes

std::string text_of_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace

RecipeBook RecipeBook::built_in() {
  RecipeBook out;
  for (const std::string_view text : built_in_recipes()) {
    auto recipe = Recipe::parse(text);
    if (!recipe) throw std::logic_error(recipe.error().message);
    const std::string name = recipe->name();
    out.recipes_.insert_or_assign(name, std::move(*recipe));
  }
  return out;
}

std::vector<std::string> RecipeBook::add_directory(const std::string& path) {
  std::vector<std::string> wrong;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    if (entry.path().extension() != ".json") continue;
    const bool fits = entry.is_regular_file(error) && entry.file_size(error) <= kLargestRecipe;
    auto recipe = fits ? Recipe::parse(text_of_file(entry.path()))
                       : util::fail(util::Errc::invalid, "it is no regular file of 1 MiB at most");
    if (!recipe) {
      wrong.push_back(fmt::format("{}: {}", entry.path().string(), recipe.error().message));
      continue;
    }
    const std::string name = recipe->name();
    recipes_.insert_or_assign(name, std::move(*recipe));
  }
  if (error && error != std::errc::no_such_file_or_directory)
    wrong.push_back(fmt::format("{}: {}", path, error.message()));
  return wrong;
}

const Recipe* RecipeBook::find(std::string_view name) const {
  const auto found = recipes_.find(name);
  return found == recipes_.end() ? nullptr : &found->second;
}

}  // namespace spliced::api
