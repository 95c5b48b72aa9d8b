// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/boot.h"

#include <fstream>

namespace spliced::util {

const std::string& boot_id() {
  static const std::string id = [] {
    std::string line;
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::getline(file, line);
    return line;
  }();
  return id;
}

}  // namespace spliced::util
