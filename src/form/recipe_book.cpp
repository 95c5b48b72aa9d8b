// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>

#include "recipe.h"
#include "recipe_text.h"

namespace spliced::form {

namespace fs = std::filesystem;

namespace {

constexpr std::uintmax_t kLargestRecipe = 1 << 20;  // bytes

util::Result<Recipe> read_recipe(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error) || fs::file_size(path, error) > kLargestRecipe)
    return util::fail(util::Errc::invalid, "it is no regular file of 1 MiB at most");
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in.is_open() || in.bad()) return util::fail(util::Errc::system, "it cannot be read");
  return Recipe::parse(text);
}

// In the order of their names.
std::vector<fs::path> recipes_in(const std::string& directory, std::error_code& error) {
  std::vector<fs::path> out;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".json") out.push_back(it->path());
  }
  std::sort(out.begin(), out.end());
  return out;
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
  std::set<std::string> seen;
  for (const fs::path& file : recipes_in(path, error)) {
    auto recipe = read_recipe(file);
    if (!recipe) {
      wrong.push_back(fmt::format("{}: {}", file.string(), recipe.error().message));
      continue;
    }
    const std::string name = recipe->name();
    if (!seen.insert(name).second) {
      wrong.push_back(fmt::format("{}: another file has the recipe {}", file.string(), name));
      continue;
    }
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

}  // namespace spliced::form
