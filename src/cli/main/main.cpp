// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <exception>

#include "cli/program.h"

int main(int argc, char** argv) {
  try {
    return spliced::cli::program(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "splicectl: %s\n", error.what());
    return 3;
  }
}
