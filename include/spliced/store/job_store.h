// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "spliced/util/clock.h"
#include "spliced/util/pieces.h"
#include "spliced/util/result.h"

namespace spliced::store {

// The text of a job, from its beginning each time that this is called.
using Document = std::function<util::Pieces()>;

// A job as it outlives the daemon. The columns decide; `document` is the job as the API showed it, kept as it is.
struct StoredJob {
  std::string id;
  std::uint64_t sequence = 0;  // of its own; the store's order
  std::string name;
  std::string state, verdict;  // by their names, which the store does not know
  std::string reason;
  util::WallTime created_at;
  std::string created_by;  // "": an earlier version stored it
  std::optional<util::WallTime> started_at, ended_at;
  std::vector<std::string> devices;  // all of them
  std::vector<std::string> targets;  // as a summary lists them
  std::size_t target_count = 0;
  std::optional<bool> destructive;  // these three: unknown of what an earlier version stored
  std::optional<double> progress;
  std::optional<std::uint64_t> errors;
  Document document;        // none: what is stored of the job stays as it is
  util::WallTime saved_at;  // when all of this was so
};

// Thread-safe. May block on the disk that holds it, never called from a worker.
class JobStore {
 public:
  virtual ~JobStore() = default;
  // A job that is new: without an error it is on the disk, whatever happens from then on; with one, nothing of it is in
  // the store. Waits for no other call.
  [[nodiscard]] virtual util::Status accept(const StoredJob& job) = 0;
  // New, or in the place of what was put before; a job that was put as ended stays as it is.
  [[nodiscard]] virtual util::Status put(const StoredJob& job) = 0;
  [[nodiscard]] virtual util::Status erase(const std::string& id) = 0;
  // The newest `limit` jobs, oldest first, without their documents.
  [[nodiscard]] virtual util::Result<std::vector<StoredJob>> load(std::size_t limit) = 0;
  // The document of a job; reads it when it is asked for the pieces, and needs the store until then. Empty when there
  // is none. What is put or erased meanwhile makes it throw rather than tell a mixture.
  [[nodiscard]] virtual util::Pieces document(const std::string& id) = 0;
};

// Keeps nothing: for tests, and for a daemon without a state directory.
[[nodiscard]] std::unique_ptr<JobStore> make_null_store();
// An SQLite database (WAL) at `path`, created when it does not exist. An error with the errno EUCLEAN, from here or
// from load(), says that the database is damaged or is none: it can be of no more use.
[[nodiscard]] util::Result<std::unique_ptr<JobStore>> open_sqlite_store(const std::string& path);

}  // namespace spliced::store
