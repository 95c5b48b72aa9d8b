// SPDX-License-Identifier: Apache-2.0
#include "recipe_text.h"

namespace spliced::embedded {
extern const std::string_view recipe_burnin_hdd, recipe_burnin_ssd, recipe_power_cycle, recipe_precondition,
    recipe_quick, recipe_read_scan, recipe_verify_only, recipe_wipe_verify;
}  // namespace spliced::embedded

namespace spliced::form {

std::vector<std::string_view> built_in_recipes() {
  namespace e = embedded;
  return {e::recipe_burnin_hdd, e::recipe_burnin_ssd, e::recipe_power_cycle, e::recipe_precondition,
          e::recipe_quick,      e::recipe_read_scan,  e::recipe_verify_only, e::recipe_wipe_verify};
}

}  // namespace spliced::form
