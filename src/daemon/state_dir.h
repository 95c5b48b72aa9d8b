// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <string>

#include "spliced/util/result.h"
#include "spliced/util/unique_fd.h"

namespace spliced::daemon {

// The directory with the record of jobs: one daemon's at a time, and its files their owner's alone whatever the umask.
// All but trouble() is for one thread. Any call may block on the disk that holds the directory.
class StateDir {
 public:
  // Creates it (0700) when it is missing, locks it, and closes to others what lies in it. The lock is held as long as
  // the object lives. Errors: conflict for a directory in use, system.
  [[nodiscard]] static util::Result<StateDir> open(const std::string& path);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string database() const;  // its path
  // Creates the database's file if there is none, 0600: SQLite gives the files beside it the same mode.
  [[nodiscard]] util::Status prepare_database();
  // Renames a damaged database, and what lies beside it, to a name that is not taken. The new path.
  [[nodiscard]] util::Result<std::string> set_aside(std::chrono::system_clock::time_point now);
  // Why records do not end up where the next daemon looks for them; "" while they do.
  [[nodiscard]] std::string trouble() const;

 private:
  StateDir() = default;
  std::string path_;
  util::UniqueFd directory_, lock_;
  util::UniqueFd database_;  // by its path alone: as long as it is held, no other file gets its number
};

// Whether it could be used, without creating or locking anything.
[[nodiscard]] util::Status check_state_dir(const std::string& path);

}  // namespace spliced::daemon
