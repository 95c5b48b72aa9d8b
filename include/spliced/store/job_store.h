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

// Where an error happened, or where a cursor stands: -1 for the device as a whole, or for all streams of the stage.
struct StoredPlace {
  int stage = -1;
  int stream = -1;
  auto operator<=>(const StoredPlace&) const = default;
};

// Operations that failed alike.
struct StoredError {
  StoredPlace place;
  std::string op, error;  // by their names
  std::uint64_t offset = 0, length = 0;
  std::uint64_t count = 0;
  std::string message;
};

// One stage of a device. `figures`: a text that the store does not look into.
struct StoredStage {
  std::string name, state;
  std::string figures;
};

// A device of a job: what it is, and what was done on it.
struct StoredDevice {
  std::string name, path;                    // any bytes but NUL
  std::string wwn, serial, model, revision;  // "": it has none
  std::uint64_t size = 0;                    // bytes
  std::string state, verdict;
  std::string figures;  // but for its stages and errors
  std::vector<StoredStage> stages;
  std::vector<StoredError> errors;  // by place
  // What it takes of the memory, bytes; roughly.
  [[nodiscard]] std::size_t bytes() const;
};

// The devices of a job, one after the other: nullopt after the last. Throws std::runtime_error.
using DeviceSequence = std::function<std::optional<StoredDevice>()>;
// From the first each time that this is called.
using DeviceSource = std::function<DeviceSequence()>;

// How far a stream of a stage had come when all of that was on its medium.
struct StoredCursor {
  std::string job;
  std::size_t device = 0;  // its place among those of the job
  StoredPlace place;
  std::uint64_t position = 0, watermark = 0;
  std::string above;  // bytes that the store does not look into
  util::Nanos active = 0;
  util::WallTime at;
};

// How far a device of a job had come. `counts`: a text that the store does not look into.
struct StoredCheckpoint {
  std::string job;
  std::size_t device = 0;  // its place among those of the job
  std::size_t stage = 0;
  util::WallTime at;
  std::string counts;
  std::vector<StoredCursor> cursors;  // of the streams of that stage
  std::optional<StoredDevice> shown;  // to be stored with it; none: what is stored stays
};

// The large figures of a stage of a device, or those over its time. `body`: bytes that the store does not look into.
struct StoredFigures {
  std::string job;
  std::size_t device = 0;  // its place among those of the job
  int stage = kOverTime;   // likewise, among those of the device
  std::string body;
  static constexpr int kOverTime = -1;
};

// What happened to a job. `id`: unique for ever, ascending.
struct StoredEvent {
  std::uint64_t id = 0;
  util::WallTime at;
  std::string job;
  std::string kind;
  std::string state, verdict;  // of the job, by their names
  std::string text;
  std::string device = {}, stage = {};  // where it happened; "": to the job as a whole
  std::uint64_t offset = 0;             // there, bytes
  std::string what = {};                // what was found there
};

// What a client called a submission by, so that it is carried out once.
struct StoredKey {
  std::string principal;  // whose key it is
  std::string key;
  std::string digest;  // of the definition, as it was sent
  std::string job;
  util::WallTime at;
};
inline constexpr std::chrono::hours kKeyLife{24};      // older keys are dropped
inline constexpr std::uint64_t kFormerJobs = 100'000;  // ids of jobs that were forgotten: so many are known

// A job as it outlives the daemon.
struct StoredJob {
  std::string id;
  std::uint64_t sequence = 0;  // of its own; the store's order
  std::string run_id;          // "": an earlier version stored it
  std::string name;
  std::string state, verdict;  // by their names, which the store does not know
  std::string reason;
  util::WallTime created_at;
  std::string created_by;  // "": an earlier version stored it
  std::optional<util::WallTime> started_at, ended_at;
  std::optional<util::Nanos> elapsed;
  std::vector<std::string> devices;  // the names of all of them
  std::vector<std::string> targets;  // as a summary lists them
  std::size_t target_count = 0;
  std::optional<bool> destructive;  // these three: unknown of what an earlier version stored
  std::optional<double> progress;
  std::optional<std::uint64_t> errors;
  std::string history = {};         // a text that the store does not look into: how it was interrupted
  std::optional<std::string> spec;  // a text that the store does not look into; none: what is stored of it stays
  DeviceSource results;             // of its devices, in their order; none: what is stored of them stays
  std::vector<StoredEvent> events;  // to be added to those that are stored
  std::optional<StoredKey> key;     // of accept() alone: reaches the disk with the job, or not at all
  bool done = false;                // nobody will go on with it: its cursors are of no use any more
  util::WallTime saved_at;          // when all of this was so
};

// What is stored of a job beyond what load() gives. Each call reads, within a bound. Throws std::runtime_error when the
// state directory does not answer, or when the job was forgotten meanwhile. From any thread, one call at a time.
class JobRecord {
 public:
  virtual ~JobRecord() = default;
  // nullopt: an earlier version stored the job, as one document.
  [[nodiscard]] virtual std::optional<std::string> spec() = 0;
  // One of which nothing was stored is empty.
  [[nodiscard]] virtual StoredDevice device(std::size_t index) = 0;
  // Of one stage of a device, or over its time (StoredFigures::kOverTime); none: there are none.
  [[nodiscard]] virtual std::optional<std::string> figures(std::size_t device, int stage) = 0;
  // From its beginning each time that this is called; empty when there is none.
  [[nodiscard]] virtual util::Pieces document() = 0;
};

enum class Erased : std::uint8_t {
  forgotten,  // there was such a job: its id stays known, and so does its key
  withdrawn,  // it was never accepted
};

// Thread-safe. May block on the disk that holds it, never called from a worker.
class JobStore {
 public:
  virtual ~JobStore() = default;
  // A job that is new: without an error it is on the disk, whatever happens from then on; with one, nothing of it is in
  // the store. Waits for no other call.
  [[nodiscard]] virtual util::Status accept(const StoredJob& job) = 0;
  // New, or in the place of what was put before; a job that was put as ended stays as it is. Devices are written one
  // after the other, each as a whole, the job and its events last.
  [[nodiscard]] virtual util::Status put(const StoredJob& job) = 0;
  // In the place of those that were put before for the same devices, all of them or none; they reach the disk. Those of
  // jobs that are not there, or have ended, are left out.
  [[nodiscard]] virtual util::Status put_checkpoints(const std::vector<StoredCheckpoint>& checkpoints) = 0;
  // In the place of those that were put before for the same stages. Those of jobs that are not there are left out.
  [[nodiscard]] virtual util::Status put_figures(const std::vector<StoredFigures>& figures) = 0;
  // Of jobs of which nothing else has changed. Those of jobs that are not there are left out.
  [[nodiscard]] virtual util::Status put_events(const std::vector<StoredEvent>& events) = 0;
  // With its events.
  [[nodiscard]] virtual util::Status erase(const std::string& id, Erased how) = 0;
  // Whether there is, or was, a job with that id. Within a bound.
  [[nodiscard]] virtual util::Result<bool> has_used(const std::string& id) = 0;
  // Those that are not older than kKeyLife, oldest first.
  [[nodiscard]] virtual util::Result<std::vector<StoredKey>> keys() = 0;
  // The newest `limit` jobs, oldest first, without specs, results and events.
  [[nodiscard]] virtual util::Result<std::vector<StoredJob>> load(std::size_t limit) = 0;
  // By device, and their cursors by place; without what is shown.
  [[nodiscard]] virtual util::Result<std::vector<StoredCheckpoint>> checkpoints(const std::string& job) = 0;
  // Does not block.
  [[nodiscard]] virtual std::shared_ptr<JobRecord> record(const std::string& id) = 0;
  // The events after the one with that id, of one job or (with "") of all, at most `limit`, oldest first. Throws as
  // JobRecord does.
  [[nodiscard]] virtual std::vector<StoredEvent> events(std::uint64_t after, std::size_t limit,
                                                        const std::string& job) = 0;
  // The largest id of an event that was put or reserved.
  [[nodiscard]] virtual util::Result<std::uint64_t> last_event() = 0;
  // From now on that is at least `id`; it reaches the disk.
  [[nodiscard]] virtual util::Status reserve_events(std::uint64_t id) = 0;
};

// Keeps nothing: for tests, and for a daemon without a state directory.
[[nodiscard]] std::unique_ptr<JobStore> make_null_store();
// Called before each step of a write, with its name, on the thread that writes.
using StepHook = std::function<void(const char*)>;
// An SQLite database (WAL) at `path`, created when it does not exist. An error with the errno EUCLEAN, from here or
// from load(), says that the database is damaged or is none: it can be of no more use.
[[nodiscard]] util::Result<std::unique_ptr<JobStore>> open_sqlite_store(const std::string& path, StepHook on_step = {});

}  // namespace spliced::store
