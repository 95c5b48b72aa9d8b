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
#include "schema.h"
#include "spliced/store/job_store.h"

namespace spliced::store {
namespace {

using util::Errc;
using util::fail;
using util::Status;

constexpr int kBusyLimit = 2000;  // milliseconds

std::int64_t to_ms(util::WallTime when) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(when.time_since_epoch()).count();
}
util::WallTime from_ms(std::int64_t ms) {
  return util::WallTime(std::chrono::milliseconds(ms));
}

std::string join(const std::vector<std::string>& parts) {
  std::string out;
  for (const auto& part : parts) out += part + '\0';
  return out;
}
std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find(separator, at);
    out.push_back(text.substr(at, end - at));
    at = end == text.npos ? text.size() : end + 1;
  }
  return out;
}

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
  Status open_reader(const std::string& path) {
    sqlite3* database = nullptr;
    const int opened = sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, nullptr);
    reader_ = std::make_shared<DocumentReader>(database);
    if (opened != SQLITE_OK) return fail(Errc::system, fmt::format("open {}: {}", path, sqlite3_errmsg(database)));
    sqlite3_busy_timeout(database, kBusyLimit);
    return {};
  }

  // A document is made and laid down piece by piece, so that others can write meanwhile; then it takes the place of the
  // one before.
  Status put(const StoredJob& job) override {
    const std::int64_t newest = job.document ? next_text_++ : 0;
    Status status = job.document ? lay_down(job, newest) : Status();
    const std::lock_guard lock(mutex_);
    if (status) status = execute("BEGIN IMMEDIATE", "store a job");
    if (status) {
      status = put_row(job, newest);
      // No row changed: the job has ended, and stays as it is.
      const bool taken = status && sqlite3_changes(database_) > 0;
      if (taken && newest != 0) status = drop("DELETE FROM pieces WHERE job=? AND text<>?", job.id, newest);
      if (status && !taken) status = drop("DELETE FROM pieces WHERE job=? AND text=?", job.id, newest);
      status = finish(std::move(status), "store a job");
    }
    if (!status && newest != 0) (void)drop("DELETE FROM pieces WHERE job=? AND text=?", job.id, newest);
    return status;
  }

  Status erase(const std::string& id) override {
    const std::lock_guard lock(mutex_);
    if (auto status = execute("BEGIN IMMEDIATE", "forget a job"); !status) return status;
    auto status = drop("DELETE FROM jobs WHERE id=?", id);
    if (status) status = drop("DELETE FROM pieces WHERE job=?", id);
    return finish(std::move(status), "forget a job");
  }

  util::Result<std::vector<StoredJob>> load(std::size_t limit) override {
    const std::lock_guard lock(mutex_);
    // saved_ms lies behind the document in rows of earlier versions: it is fetched only where it matters.
    const Statement statement = prepare(
        "SELECT id, name, state, verdict, reason, created_ms, started_ms, ended_ms, devices, targets, "
        "target_count, destructive, progress, errors, CASE WHEN ended_ms IS NULL THEN saved_ms END, "
        "rowid, created_by FROM jobs ORDER BY rowid DESC LIMIT ?");
    if (!statement) return tl::unexpected(error("load jobs").error());
    sqlite3_bind_int64(statement.get(), 1, static_cast<sqlite3_int64>(limit));
    std::vector<StoredJob> jobs;
    int step = SQLITE_DONE;
    while ((step = sqlite3_step(statement.get())) == SQLITE_ROW) jobs.push_back(row(statement.get()));
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
  Statement prepare(const char* sql) { return prepare_on(database_, sql); }
  Status execute(const char* sql, const char* what) { return execute_on(database_, sql, what); }
  // Ends a transaction: all of it when it went well.
  Status finish(Status status, const char* what) {
    if (status) return execute("COMMIT", what);
    sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
    return status;
  }
  Status drop(const char* sql, const std::string& id, std::int64_t number = 0) {
    const Statement statement = prepare(sql);
    if (!statement) return error("forget a job");
    text(statement, 1, id);
    if (number != 0) sqlite3_bind_int64(statement.get(), 2, number);
    return sqlite3_step(statement.get()) == SQLITE_DONE ? Status() : error("forget a job");
  }

  Status put_row(const StoredJob& job, std::int64_t newest) {
    const Statement statement = prepare(
        "INSERT INTO jobs (rowid, id, name, state, verdict, reason, created_ms, started_ms, ended_ms, devices, "
        "document, "
        "saved_ms, targets, target_count, destructive, progress, errors, text, created_by) "
        "VALUES (?17,?1,?2,?3,?4,?5,?6,?7,?8,?9,'',?10,?11,?12,?13,?14,?15,?16,?18) ON CONFLICT(id) DO UPDATE SET "
        "name=excluded.name, "
        "state=excluded.state, verdict=excluded.verdict, reason=excluded.reason, started_ms=excluded.started_ms, "
        "ended_ms=excluded.ended_ms, devices=excluded.devices, saved_ms=excluded.saved_ms, targets=excluded.targets, "
        "target_count=excluded.target_count, destructive=excluded.destructive, progress=excluded.progress, "
        "errors=excluded.errors, text=COALESCE(excluded.text, jobs.text) WHERE jobs.ended_ms IS NULL");
    if (!statement) return error("store a job");
    text(statement, 1, job.id);
    text(statement, 2, job.name);
    text(statement, 3, job.state);
    text(statement, 4, job.verdict);
    text(statement, 5, job.reason);
    sqlite3_bind_int64(statement.get(), 6, to_ms(job.created_at));
    if (job.started_at) sqlite3_bind_int64(statement.get(), 7, to_ms(*job.started_at));
    if (job.ended_at) sqlite3_bind_int64(statement.get(), 8, to_ms(*job.ended_at));
    text(statement, 9, join(job.devices));
    sqlite3_bind_int64(statement.get(), 10, to_ms(job.saved_at));
    text(statement, 11, join(job.targets));
    sqlite3_bind_int64(statement.get(), 12, static_cast<std::int64_t>(job.target_count));
    if (job.destructive) sqlite3_bind_int(statement.get(), 13, *job.destructive ? 1 : 0);
    if (job.progress) sqlite3_bind_double(statement.get(), 14, *job.progress);
    if (job.errors) sqlite3_bind_int64(statement.get(), 15, static_cast<std::int64_t>(*job.errors));
    if (newest != 0) sqlite3_bind_int64(statement.get(), 16, newest);
    if (job.sequence != 0) sqlite3_bind_int64(statement.get(), 17, static_cast<std::int64_t>(job.sequence));
    text(statement, 18, job.created_by);
    return sqlite3_step(statement.get()) == SQLITE_DONE ? Status() : error("store a job");
  }

  // Called without the lock.
  Status lay_down(const StoredJob& job, std::int64_t newest) {
    try {
      const util::Pieces next = job.document();
      bool more = true;
      for (std::int64_t number = 0; more; ++number) {
        std::string piece;
        more = next(piece);
        if (auto status = put_piece(job.id, newest, number, piece); !status) return status;
      }
      return {};
    } catch (const std::exception& failure) {
      return fail(Errc::internal, fmt::format("store a job: {}", failure.what()));
    }
  }
  Status put_piece(const std::string& id, std::int64_t newest, std::int64_t number, const std::string& piece) {
    const std::lock_guard lock(mutex_);
    const Statement statement = prepare("INSERT INTO pieces VALUES (?,?,?,?)");
    if (!statement) return error("store a job");
    sqlite3_bind_int64(statement.get(), 1, newest);
    sqlite3_bind_int64(statement.get(), 2, number);
    text(statement, 3, id);
    sqlite3_bind_blob(statement.get(), 4, piece.data(), static_cast<int>(piece.size()), SQLITE_STATIC);
    return sqlite3_step(statement.get()) == SQLITE_DONE ? Status() : error("store a job");
  }
  Status error(const char* what) { return error_of(database_, what); }

  static std::optional<util::WallTime> time_column(sqlite3_stmt* statement, int index) {
    if (sqlite3_column_type(statement, index) == SQLITE_NULL) return std::nullopt;
    return from_ms(sqlite3_column_int64(statement, index));
  }
  static StoredJob row(sqlite3_stmt* statement) {
    StoredJob job;
    job.id = column(statement, 0);
    job.name = column(statement, 1);
    job.state = column(statement, 2);
    job.verdict = column(statement, 3);
    job.reason = column(statement, 4);
    job.created_at = from_ms(sqlite3_column_int64(statement, 5));
    job.started_at = time_column(statement, 6);
    job.ended_at = time_column(statement, 7);
    // Earlier versions, which had no counts, put lines.
    const bool counted = sqlite3_column_type(statement, 10) != SQLITE_NULL;
    job.devices = split(column(statement, 8), counted ? '\0' : '\n');
    job.targets = split(column(statement, 9), '\0');
    job.target_count = counted ? static_cast<std::size_t>(sqlite3_column_int64(statement, 10)) : job.devices.size();
    const auto known = [&](int index) { return sqlite3_column_type(statement, index) != SQLITE_NULL; };
    if (known(11)) job.destructive = sqlite3_column_int(statement, 11) != 0;
    if (known(12)) job.progress = sqlite3_column_double(statement, 12);
    if (known(13)) job.errors = static_cast<std::uint64_t>(sqlite3_column_int64(statement, 13));
    job.saved_at = time_column(statement, 14).value_or(job.ended_at.value_or(job.started_at.value_or(job.created_at)));
    job.sequence = static_cast<std::uint64_t>(sqlite3_column_int64(statement, 15));
    job.created_by = column(statement, 16);
    return job;
  }

  std::mutex mutex_;
  sqlite3* database_;
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
  if (auto status = store->open_reader(path); !status) return tl::unexpected(status.error());
  return store;
}

}  // namespace spliced::store
