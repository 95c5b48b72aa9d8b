// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <utility>

#include "database.h"
#include "rows.h"
#include "schema.h"
#include "spliced/store/job_store.h"

namespace spliced::store {
namespace {

using util::Errc;
using util::fail;
using util::Status;

constexpr int kBusyLimit = 2000;                                      // milliseconds
constexpr const char* kGiveBack = "PRAGMA incremental_vacuum(1024)";  // pages
constexpr int kAcceptBusyLimit = 750;                                 // a client waits for it

class SqliteStore final : public JobStore {
 public:
  explicit SqliteStore(sqlite3* database) : database_(database) {}
  ~SqliteStore() override { sqlite3_close(database_); }

  Status initialize() {
    if (auto status = prepare_schema(database_); !status) return status;
    const Statement last = prepare("SELECT COALESCE(MAX(text), 0) FROM pieces");
    if (!last || sqlite3_step(last.get()) != SQLITE_ROW) return error("read the state database");
    next_text_ = sqlite3_column_int64(last.get(), 0) + 1;
    return {};
  }

  // Once the database is as it should be.
  Status open_others(const std::string& path) {
    auto reader = open_again(path, kBusyLimit);
    if (!reader) return tl::unexpected(reader.error());
    reader_ = std::make_shared<DocumentReader>(reader->release());
    auto acceptor = open_again(path, kAcceptBusyLimit);
    if (!acceptor) return tl::unexpected(acceptor.error());
    acceptor_ = std::move(*acceptor);
    return execute_on(acceptor_.get(), "PRAGMA synchronous=FULL", "prepare the state database");
  }

  // A document is made and laid down piece by piece, so that others can write meanwhile; then it takes the place of the
  // one before.
  Status put(const StoredJob& job) override {
    const std::int64_t newest = job.document ? next_text_++ : 0;
    Status status = job.document ? lay_down(job, newest) : Status();
    const std::lock_guard lock(mutex_);
    if (status) status = execute("BEGIN IMMEDIATE", "store a job");
    if (status) {
      status = put_row(database_, job, newest);
      // No row changed: the job has ended, and stays as it is.
      const bool taken = status && sqlite3_changes(database_) > 0;
      if (taken && newest != 0) status = drop("DELETE FROM pieces WHERE job=? AND text<>?", job.id, newest);
      if (status && !taken) status = drop("DELETE FROM pieces WHERE job=? AND text=?", job.id, newest);
      status = finish(std::move(status), "store a job");
    }
    if (!status && newest != 0) (void)drop("DELETE FROM pieces WHERE job=? AND text=?", job.id, newest);
    return status;
  }

  // Over a connection of its own, whose commits reach the disk, so that no new job waits for the document of another.
  Status accept(const StoredJob& job) override {
    const std::lock_guard lock(accept_mutex_);
    sqlite3* const database = acceptor_.get();
    if (auto status = execute_on(database, "BEGIN IMMEDIATE", "record a new job"); !status) return status;
    const std::int64_t newest = job.document ? next_text_++ : 0;
    Status status;
    try {
      const util::Pieces next = job.document ? job.document() : util::Pieces();
      bool more = job.document != nullptr;
      for (std::int64_t number = 0; more && status; ++number) {
        std::string piece;
        more = next(piece);
        status = put_piece(database, job.id, newest, number, piece);
      }
    } catch (const std::exception& failure) {
      status = fail(Errc::internal, fmt::format("record a new job: {}", failure.what()));
    }
    if (status) status = put_row(database, job, newest);
    if (status) status = execute_on(database, "COMMIT", "record a new job");
    if (!status) sqlite3_exec(database, "ROLLBACK", nullptr, nullptr, nullptr);
    return status;
  }

  Status erase(const std::string& id) override {
    const std::lock_guard lock(mutex_);
    if (auto status = execute("BEGIN IMMEDIATE", "forget a job"); !status) return status;
    auto status = drop("DELETE FROM jobs WHERE id=?", id);
    if (status) status = drop("DELETE FROM pieces WHERE job=?", id);
    status = finish(std::move(status), "forget a job");
    // Its room is given back bit by bit; what is left of it next time.
    if (status) (void)execute(kGiveBack, "give room back");
    return status;
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

  util::Pieces document(const std::string& id) override {
    return [reader = reader_, place = DocumentReader::Place{id, {}, 0}](std::string& out) mutable {
      return reader->read(place, out);
    };
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
  Status execute(const char* sql, const char* what) { return execute_on(database_, sql, what); }
  // Ends a transaction: all of it when it went well.
  Status finish(Status status, const char* what) {
    if (status) return execute("COMMIT", what);
    sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
    return status;
  }
  Status drop(const char* sql, const std::string& id, std::int64_t number = 0) {
    return drop_rows(database_, sql, id, number);
  }

  // Called without the lock.
  Status lay_down(const StoredJob& job, std::int64_t newest) {
    try {
      const util::Pieces next = job.document();
      bool more = true;
      for (std::int64_t number = 0; more; ++number) {
        std::string piece;
        more = next(piece);
        const std::lock_guard lock(mutex_);
        if (auto status = put_piece(database_, job.id, newest, number, piece); !status) return status;
      }
      return {};
    } catch (const std::exception& failure) {
      return fail(Errc::internal, fmt::format("store a job: {}", failure.what()));
    }
  }
  Status error(const char* what) { return error_of(database_, what); }

  std::mutex mutex_;
  sqlite3* database_;
  std::mutex accept_mutex_;
  Connection acceptor_;
  std::atomic<std::int64_t> next_text_{1};
  std::shared_ptr<DocumentReader> reader_;  // those that read documents may outlive the store
};

}  // namespace

util::Result<std::unique_ptr<JobStore>> open_sqlite_store(const std::string& path) {
  sqlite3* database = nullptr;
  const int opened = sqlite3_open_v2(path.c_str(), &database,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  auto store = std::make_unique<SqliteStore>(database);
  if (opened != SQLITE_OK) {
    return fail(Errc::system, fmt::format("open {}: {}", path, sqlite3_errmsg(database)));
  }
  sqlite3_busy_timeout(database, kBusyLimit);
  if (auto status = store->initialize(); !status) return tl::unexpected(util::with_context(status.error(), path));
  if (auto status = store->open_others(path); !status) return tl::unexpected(status.error());
  return store;
}

}  // namespace spliced::store
