# SPDX-License-Identifier: Apache-2.0
# spliced_embed(TARGET FILE SYMBOL): compiles FILE into TARGET as `extern const std::string_view spliced::embedded::SYMBOL`.
function(spliced_embed target file symbol)
  set(out ${CMAKE_BINARY_DIR}/embedded/${symbol}.cpp)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${file})
  file(READ ${CMAKE_SOURCE_DIR}/${file} text)
  file(CONFIGURE OUTPUT ${out} @ONLY CONTENT [[
#include <string_view>
namespace spliced::embedded {
extern const std::string_view @symbol@;
const std::string_view @symbol@ = R"~embedded~(@text@)~embedded~";
}  // namespace spliced::embedded
]])
  target_sources(${target} PRIVATE ${out})
endfunction()
