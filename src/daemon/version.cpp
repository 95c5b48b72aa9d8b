// SPDX-License-Identifier: Apache-2.0
#include "version.h"

namespace spliced::daemon {

const char* version() {
  return SPLICED_VERSION;
}
const char* revision() {
  return SPLICED_REVISION;
}

}  // namespace spliced::daemon
