// SPDX-License-Identifier: Apache-2.0
// One line of the log for each request that changes something, or was to, whichever door it came through.
#pragma once
#include <string>
#include <vector>

#include "spliced/util/log.h"

namespace spliced::util {

// What a request is about, as far as is known.
struct Subject {
  std::string job;                   // its id
  std::vector<std::string> targets;  // as they were given
  std::vector<std::string> devices;  // kernel names, paths of files
};

struct Deed {
  std::string call;      // "POST /v1/jobs", "Submit"
  std::string peer;      // "uid 0, pid 4711", "127.0.0.1:51234"; "" when it is not known
  std::string outcome;   // "201", "Conflict"
  bool accepted = true;  // a refusal is a warning
  std::string detail;    // of a refusal
  Subject about;
};

// The line, of a bounded length, with the fields JOB_ID and, for each device or else target, DEVICE.
void log_deed(Logger& log, const Deed& deed);

}  // namespace spliced::util
