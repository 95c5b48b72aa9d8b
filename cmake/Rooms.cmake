# SPDX-License-Identifier: Apache-2.0
# spliced_room(NAME LINKS lib...): the static library of src/NAME, with the project's warnings and sanitizers.
set(SPLICED_WARNINGS -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
# The presets and CI turn it on. Another compiler, or another level of optimisation, warns of other things, and that must
# stop nobody who only builds a package.
option(SPLICED_WERROR "Take warnings for errors" OFF)
if(SPLICED_WERROR)
  list(APPEND SPLICED_WARNINGS -Werror)
endif()

add_library(spliced_options INTERFACE)
target_compile_options(spliced_options INTERFACE ${SPLICED_WARNINGS} -fno-omit-frame-pointer)
if(SPLICED_SANITIZE)
  target_compile_options(spliced_options INTERFACE
    $<$<NOT:$<BOOL:$<TARGET_PROPERTY:SPLICED_UNSANITIZED>>>:-fsanitize=${SPLICED_SANITIZE}> -fno-sanitize-recover=all)
  target_link_options(spliced_options INTERFACE -fsanitize=${SPLICED_SANITIZE})
  if(SPLICED_SANITIZE MATCHES "thread")
    # GCC warns that TSan does not model fences; the project uses none, a library header does.
    target_compile_options(spliced_options INTERFACE -Wno-tsan)
  endif()
endif()
# GCC 12 takes "text" + std::string for an overlapping copy (GCC bug 105651, mended in 13).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(spliced_options INTERFACE -Wno-restrict)
endif()
# It is about types of headers; in a unity build each file counts as one.
target_compile_options(spliced_options INTERFACE $<$<BOOL:$<TARGET_PROPERTY:UNITY_BUILD>>:-Wno-subobject-linkage>)
target_link_libraries(spliced_options INTERFACE Threads::Threads)

# A packager, who has no repository, may name it.
set(SPLICED_REVISION "" CACHE STRING "The revision that is built; empty: asked of git")
set(revision ${SPLICED_REVISION})
if(NOT revision)
  execute_process(COMMAND git rev-parse --short=12 HEAD WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
                  OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(NOT revision)
  set(revision unknown)
endif()

# One file knows it, so that a commit does not rebuild the world.
set_property(SOURCE ${CMAKE_SOURCE_DIR}/src/daemon/version.cpp PROPERTY COMPILE_DEFINITIONS
             SPLICED_REVISION="${revision}")

# What many files include is compiled once, and the compiler does not tidy up its memory before it has used half a GiB of it. The
# presets turn it on; a package is built without, file by file, so that a file which does not include what it uses is noticed.
option(SPLICED_QUICK_BUILD "Build in less time, with more memory" OFF)
if(SPLICED_QUICK_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(spliced_options INTERFACE --param=ggc-min-heapsize=524288)
endif()
function(spliced_headers name header)
  set(empty ${CMAKE_BINARY_DIR}/${name}.cpp)
  file(CONFIGURE OUTPUT ${empty} CONTENT "// Exists to compile ${header}.\n")
  add_library(${name} OBJECT ${empty})
  set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)
  target_precompile_headers(${name} PRIVATE ${header})
endfunction()
if(SPLICED_QUICK_BUILD)
  spliced_headers(spliced_headers ${CMAKE_SOURCE_DIR}/cmake/headers.h)
  target_link_libraries(spliced_headers PRIVATE fmt::fmt spliced_options)
endif()

function(spliced_room name)
  cmake_parse_arguments(ROOM "" "" "LINKS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main/main.cpp$")
  add_library(spliced_${name} STATIC ${sources})
  target_include_directories(spliced_${name} PUBLIC ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src)
  target_compile_definitions(spliced_${name} PRIVATE SPLICED_VERSION="${PROJECT_VERSION}"
                             SPLICED_COMPILER="${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}")
  target_link_libraries(spliced_${name} PUBLIC ${ROOM_LINKS} spliced_options)
  if(SPLICED_QUICK_BUILD)
    target_precompile_headers(spliced_${name} REUSE_FROM spliced_headers)
  endif()
endfunction()
