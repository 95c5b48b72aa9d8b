// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <mutex>
#include <utility>

#include "checkpoint_rows.h"
#include "database.h"
#include "device_rows.h"
#include "key_rows.h"
#include "record_reader.h"
#include "rows.h"
#include "schema.h"
#include "spliced/store/job_store.h"

namespace spliced::store {
namespace {

using util::Errc;
using util::fail;
using util::Status;

constexpr int kBusyLimit = 2000;                                      // milliseconds
constexpr const char* kGiveBack = "PRAGMA incremental_vacuum(8192)";  // pages
constexpr std::size_t kTransactionBytes = 256 * 1024;                 // of results, at the least
constexpr int kAcceptBusyLimit = 750;                                 // a client waits for it

class SqliteStore final : public JobStore {
 public:
  SqliteStore(sqlite3* database, StepHook on_step) : database_(database), on_step_(std::move(on_step)) {}
  ~SqliteStore() override { sqlite3_close(database_); }

  Status initialize() { return prepare_schema(database_); }

  // Once the database is as it should be.
  Status open_others(const std::string& path) {
    auto reader = open_again(path, kBusyLimit);
    if (!reader) return tl::unexpected(reader.error());
    reader_ = std::make_shared<RecordReader>(reader->release());
    auto acceptor = open_again(path, kAcceptBusyLimit);
    if (!acceptor) return tl::unexpected(acceptor.error());
    acceptor_ = std::move(*acceptor);
    auto cursor_writer = open_again(path, kBusyLimit);
    if (!cursor_writer) return tl::unexpected(cursor_writer.error());
    cursor_writer_ = std::move(*cursor_writer);
    for (sqlite3* database : {acceptor_.get(), cursor_writer_.get()}) {
      if (auto status = execute_on(database, "PRAGMA synchronous=FULL", "prepare the state database"); !status)
        return status;
    }
    return {};
  }

  // Devices are made and laid down one after the other, so that others can write meanwhile.
  Status put(const StoredJob& job) override {
    if (job.results) {
      if (auto status = lay_down(job); !status) return status;
    }
    const std::lock_guard lock(mutex_);
    return in_transaction(database_, "store a job", [&] {
      step("job");
      auto status = put_row(database_, job);
      // No row changed: the job has ended, and stays as it is.
      if (!status || sqlite3_changes(database_) == 0) return status;
      if (job.done) status = erase_checkpoints(database_, job.id);
      if (!status) return status;
      step("events");
      return store::put_events(database_, job.events);
    });
  }

  // Over a connection of its own, whose commits reach the disk, so that no new job waits for the results of another.
  Status accept(const StoredJob& job) override {
    const std::lock_guard lock(accept_mutex_);
    sqlite3* const database = acceptor_.get();
    return in_transaction(database, "record a new job", [&] {
      const DeviceSequence next = job.results ? job.results() : DeviceSequence();
      for (std::size_t index = 0; next; ++index) {
        const auto device = next();
        if (!device) break;
        step("new device");
        if (auto status = put_device(database, job.id, index, *device); !status) return status;
      }
      step("new job");
      if (auto status = put_row(database, job); !status) return status;
      if (job.key) {
        step("key");
        if (auto status = put_key(database, *job.key); !status) return status;
      }
      return store::put_events(database, job.events);
    });
  }

  // As accept() does, but over another connection: no new job waits for more than the commit.
  Status put_checkpoints(const std::vector<StoredCheckpoint>& checkpoints) override {
    const std::lock_guard lock(cursor_mutex_);
    return in_transaction(cursor_writer_.get(), "store how far jobs have come", [&]() -> Status {
      for (const StoredCheckpoint& one : checkpoints) {
        step("checkpoint");
        if (auto status = put_checkpoint(cursor_writer_.get(), one); !status) return status;
      }
      return {};
    });
  }
  util::Result<std::vector<StoredCheckpoint>> checkpoints(const std::string& job) override {
    const std::lock_guard lock(mutex_);
    return read_checkpoints(database_, job);
  }

  Status put_figures(const std::vector<StoredFigures>& figures) override {
    const std::lock_guard lock(mutex_);
    return in_transaction(database_, "store figures", [&]() -> Status {
      for (const StoredFigures& one : figures) {
        step("figures");
        if (auto status = store::put_figures(database_, one); !status) return status;
      }
      return {};
    });
  }

  Status put_events(const std::vector<StoredEvent>& events) override {
    const std::lock_guard lock(mutex_);
    return in_transaction(database_, "store what happened to jobs", [&] {
      step("events alone");
      return store::put_events(database_, events);
    });
  }

  Status erase(const std::string& id, Erased how) override {
    const std::lock_guard lock(mutex_);
    const auto status = in_transaction(database_, "forget a job", [&] {
      step("erase");
      return erase_rows(database_, id, how);
    });
    // Its room is given back bit by bit; what is left of it next time.
    if (status) (void)execute_on(database_, kGiveBack, "give room back");
    return status;
  }

  util::Result<bool> has_used(const std::string& id) override {
    try {
      return reader_->has_used(id);
    } catch (const std::exception& failure) {
      return fail(Errc::unavailable, failure.what());
    }
  }
  util::Result<std::vector<StoredKey>> keys() override {
    const std::lock_guard lock(mutex_);
    return read_keys(database_);
  }

  util::Result<std::vector<StoredJob>> load(std::size_t limit) override {
    const std::lock_guard lock(mutex_);
    // saved_ms lies behind the document in rows of earlier versions: it is fetched only where it matters.
    const Statement statement = prepare(kSelectNewest);
    if (!statement) return tl::unexpected(error("load jobs").error());
    sqlite3_bind_int64(statement.get(), 1, static_cast<sqlite3_int64>(limit));
    std::vector<StoredJob> jobs;
    int step = SQLITE_DONE;
    while ((step = sqlite3_step(statement.get())) == SQLITE_ROW) jobs.push_back(row_of(statement.get()));
    if (step != SQLITE_DONE) return tl::unexpected(error("load jobs").error());
    std::reverse(jobs.begin(), jobs.end());
    return jobs;
  }

  std::shared_ptr<JobRecord> record(const std::string& id) override { return record_in(reader_, id); }
  std::vector<StoredEvent> events(std::uint64_t after, std::size_t limit, const std::string& job) override {
    return reader_->events(after, limit, job);
  }
  util::Result<std::uint64_t> last_event() override {
    const std::lock_guard lock(mutex_);
    const Statement last = prepare("SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name='events'");
    if (!last || sqlite3_step(last.get()) != SQLITE_ROW) return tl::unexpected(error("read events").error());
    return number_at(last.get(), 0);
  }
  Status reserve_events(std::uint64_t id) override {
    const std::lock_guard lock(accept_mutex_);
    return in_transaction(acceptor_.get(), "reserve the ids of events",
                          [&] { return raise_event_id(acceptor_.get(), id); });
  }

 private:
  using Connection = std::unique_ptr<sqlite3, Close>;
  static util::Result<Connection> open_again(const std::string& path, int busy_limit) {
    sqlite3* database = nullptr;
    const int opened = sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, nullptr);
    Connection out(database);
    if (opened != SQLITE_OK) return fail(Errc::system, fmt::format("open {}: {}", path, sqlite3_errmsg(database)));
    sqlite3_busy_timeout(database, busy_limit);
    return out;
  }
  Statement prepare(const char* sql) { return prepare_on(database_, sql); }
  void step(const char* name) const {
    if (on_step_) on_step_(name);
  }
  // All of it, or nothing.
  template <class Work>
  Status in_transaction(sqlite3* database, const char* what, Work work) const {
    if (auto status = execute_on(database, "BEGIN IMMEDIATE", what); !status) return status;
    Status status;
    try {
      status = work();
    } catch (const std::exception& failure) {
      status = fail(Errc::internal, fmt::format("{}: {}", what, failure.what()));
    }
    step("commit");
    if (status) status = execute_on(database, "COMMIT", what);
    if (!status) sqlite3_exec(database, "ROLLBACK", nullptr, nullptr, nullptr);
    step("committed");
    return status;
  }

  // A few in a transaction. Called without the lock: making a device takes a while.
  Status lay_down(const StoredJob& job) {
    std::vector<StoredDevice> devices;
    std::size_t first = 0, bytes = 0;
    try {
      const DeviceSequence next = job.results();
      for (bool more = true; more;) {
        auto device = next();
        more = device.has_value();
        if (device) {
          bytes += device->bytes();
          devices.push_back(std::move(*device));
        }
        if (more && bytes < kTransactionBytes) continue;
        if (auto status = lay_down(job.id, first, devices); !status) return status;
        first += devices.size();
        devices.clear();
        bytes = 0;
      }
      return {};
    } catch (const std::exception& failure) {
      return fail(Errc::internal, fmt::format("store a job: {}", failure.what()));
    }
  }
  Status lay_down(const std::string& job, std::size_t first, const std::vector<StoredDevice>& devices) {
    const std::lock_guard lock(mutex_);
    return in_transaction(database_, "store a job", [&]() -> Status {
      const auto ended = has_ended(database_, job);
      if (!ended) return tl::unexpected(ended.error());
      for (std::size_t i = 0; i < devices.size() && !*ended; ++i) {
        step("device");
        if (auto status = put_device(database_, job, first + i, devices[i]); !status) return status;
      }
      return {};
    });
  }
  Status error(const char* what) { return error_of(database_, what); }

  std::mutex mutex_;
  sqlite3* database_;
  const StepHook on_step_;
  std::mutex accept_mutex_;
  Connection acceptor_;
  std::mutex cursor_mutex_;
  Connection cursor_writer_;
  std::shared_ptr<RecordReader> reader_;  // those that read may outlive the store
};

}  // namespace

util::Result<std::unique_ptr<JobStore>> open_sqlite_store(const std::string& path, StepHook on_step) {
  sqlite3* database = nullptr;
  const int opened = sqlite3_open_v2(path.c_str(), &database,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  auto store = std::make_unique<SqliteStore>(database, std::move(on_step));
  if (opened != SQLITE_OK) {
    return fail(Errc::system, fmt::format("open {}: {}", path, sqlite3_errmsg(database)));
  }
  sqlite3_busy_timeout(database, kBusyLimit);
  if (auto status = store->initialize(); !status) return tl::unexpected(util::with_context(status.error(), path));
  if (auto status = store->open_others(path); !status) return tl::unexpected(status.error());
  return store;
}

}  // namespace spliced::store
