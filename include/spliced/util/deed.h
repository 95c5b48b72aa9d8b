// SPDX-License-Identifier: Apache-2.0
// One line of the log for each request that changes something, or was to, whichever door it came through.
#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "spliced/util/clock.h"
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

// The lines of a door that anybody may knock at. Of those who are turned away again and again not every one is told:
// what writes the log drops lines beyond a number, whoever they are about (journald.conf(5), RateLimitBurst=: 10,000 in
// 30 s). Thread-safe.
class DeedLog {
 public:
  static constexpr std::uint64_t kBurst = 1000;    // lines about one user or address
  static constexpr std::uint64_t kPerSecond = 20;  // after that
  static constexpr std::size_t kMaxKnown = 256;    // users and addresses; further ones share a number

  explicit DeedLog(Logger& log, Clock& clock = system_clock()) : log_(log), clock_(clock) {}

  // As log_deed(). The next line about somebody of whom lines were left out says how many.
  void log(Deed deed);

 private:
  struct Tally {
    std::uint64_t told = 0;  // of the burst
    Nanos since = 0;
    std::uint64_t left_out = 0;
  };
  [[nodiscard]] Tally& tally_of(const std::string& who, Nanos now);
  static void refill(Tally& tally, Nanos now);

  Logger& log_;
  Clock& clock_;
  std::mutex mutex_;  // guards tallies_
  std::map<std::string, Tally> tallies_;
};

}  // namespace spliced::util
