#pragma once
#include <memory>
#include <string>
#include <vector>

#include "spliced/job/snapshot.h"

namespace spliced::job {

// A job as it outlives the daemon. The columns decide; `document` is the job as the API showed it, kept as it is.
struct StoredJob {
  std::string id;
  std::string name;
  State state = State::pending;
  Verdict verdict = Verdict::none;
  std::string reason;
  WallTime created_at;
  std::optional<WallTime> started_at, ended_at;
  std::vector<std::string> devices;
  std::string document;
  WallTime saved_at;  // when all of this was so
};

// Thread-safe. May block on the disk that holds it, never called from a worker.
class JobStore {
 public:
  virtual ~JobStore() = default;
  // New, or in the place of what was put before; a job that was put as ended stays as it is.
  [[nodiscard]] virtual util::Status put(const StoredJob& job) = 0;
  [[nodiscard]] virtual util::Status erase(const std::string& id) = 0;
  // The newest `limit` jobs, oldest first.
  [[nodiscard]] virtual util::Result<std::vector<StoredJob>> load(std::size_t limit) = 0;
};

// Keeps nothing: for tests, and for a daemon without a state directory.
[[nodiscard]] std::unique_ptr<JobStore> make_null_store();
// An SQLite database (WAL) at `path`, created when it does not exist. An error with the errno EUCLEAN, from here or
// from load(), says that the database is damaged or is none: it can be of no more use.
[[nodiscard]] util::Result<std::unique_ptr<JobStore>> open_sqlite_store(const std::string& path);

}  // namespace spliced::job
