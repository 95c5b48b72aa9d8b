#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <mutex>

#include "spliced/job/store.h"

namespace spliced::job {
namespace {

using util::Errc;
using util::fail;
using util::Status;

// user_version of the database; one that is newer than this is refused rather than guessed at.
constexpr int kSchemaVersion = 2;
constexpr const char* kSchema = R"(
PRAGMA journal_mode=WAL;
PRAGMA synchronous=NORMAL;
CREATE TABLE IF NOT EXISTS jobs (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL,
  created_ms INTEGER NOT NULL, started_ms INTEGER, ended_ms INTEGER, devices TEXT NOT NULL, document TEXT NOT NULL,
  saved_ms INTEGER);
PRAGMA user_version=2;
)";
// All or nothing: half of it could not be repeated.
constexpr const char* kFromVersion1 =
    "BEGIN IMMEDIATE; ALTER TABLE jobs ADD COLUMN saved_ms INTEGER; PRAGMA user_version=2; COMMIT;";

constexpr const char* kProbe =
    "SELECT id, name, state, verdict, reason, created_ms, started_ms, ended_ms, devices, document, saved_ms FROM jobs";
constexpr sqlite3_int64 kCheckedBytes = 64 << 20;  // of a database that is checked as a whole at the start

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

std::int64_t to_ms(WallTime when) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(when.time_since_epoch()).count();
}
WallTime from_ms(std::int64_t ms) {
  return WallTime(std::chrono::milliseconds(ms));
}

template <std::size_t N, class Enum>
Enum from_name(const std::array<std::string_view, N>& names, std::string_view text, Enum otherwise) {
  const auto found = std::find(names.begin(), names.end(), text);
  return found == names.end() ? otherwise : static_cast<Enum>(found - names.begin());
}

// Device names hold no newline: kernel names never do, and paths with one are joined and split only for filtering.
std::string join(const std::vector<std::string>& parts) {
  std::string out;
  for (const auto& part : parts) out += part + "\n";
  return out;
}
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
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
    if (auto status = check_pages(); !status) return status;
    const int version = schema_version();
    if (version < 0) return error("read the state database");
    if (version > kSchemaVersion) {
      return fail(Errc::system, fmt::format("the state database has version {}; this program knows up to {}", version,
                                            kSchemaVersion));
    }
    if (version == 1 && sqlite3_exec(database_, kFromVersion1, nullptr, nullptr, nullptr) != SQLITE_OK) {
      auto status = error("bring the state database up to date");
      sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
      return status;
    }
    if (sqlite3_exec(database_, kSchema, nullptr, nullptr, nullptr) != SQLITE_OK) {
      return error("prepare the state database");
    }
    // Prepared without an error, each column is there.
    if (prepare(kProbe) || sqlite3_errcode(database_) != SQLITE_ERROR) return {};
    return damaged(sqlite3_errmsg(database_));
  }

  Status put(const StoredJob& job) override {
    const std::lock_guard lock(mutex_);
    const Statement statement = prepare(
        "INSERT INTO jobs VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(id) DO UPDATE SET name=excluded.name, "
        "state=excluded.state, verdict=excluded.verdict, reason=excluded.reason, started_ms=excluded.started_ms, "
        "ended_ms=excluded.ended_ms, devices=excluded.devices, document=excluded.document, "
        "saved_ms=excluded.saved_ms WHERE jobs.ended_ms IS NULL");
    if (!statement) return error("store a job");
    text(statement, 1, job.id);
    text(statement, 2, job.name);
    text(statement, 3, state_name(job.state));
    text(statement, 4, kVerdictNames[static_cast<std::size_t>(job.verdict)]);
    text(statement, 5, job.reason);
    sqlite3_bind_int64(statement.get(), 6, to_ms(job.created_at));
    if (job.started_at) sqlite3_bind_int64(statement.get(), 7, to_ms(*job.started_at));
    if (job.ended_at) sqlite3_bind_int64(statement.get(), 8, to_ms(*job.ended_at));
    text(statement, 9, join(job.devices));
    text(statement, 10, job.document);
    sqlite3_bind_int64(statement.get(), 11, to_ms(job.saved_at));
    return sqlite3_step(statement.get()) == SQLITE_DONE ? Status() : error("store a job");
  }

  Status erase(const std::string& id) override {
    const std::lock_guard lock(mutex_);
    const Statement statement = prepare("DELETE FROM jobs WHERE id=?");
    if (!statement) return error("forget a job");
    text(statement, 1, id);
    return sqlite3_step(statement.get()) == SQLITE_DONE ? Status() : error("forget a job");
  }

  util::Result<std::vector<StoredJob>> load(std::size_t limit) override {
    const std::lock_guard lock(mutex_);
    const Statement statement = prepare("SELECT * FROM jobs ORDER BY created_ms DESC, rowid DESC LIMIT ?");
    if (!statement) return tl::unexpected(error("load jobs").error());
    sqlite3_bind_int64(statement.get(), 1, static_cast<sqlite3_int64>(limit));
    std::vector<StoredJob> jobs;
    int step = SQLITE_DONE;
    while ((step = sqlite3_step(statement.get())) == SQLITE_ROW) jobs.push_back(row(statement.get()));
    if (step != SQLITE_DONE) return tl::unexpected(error("load jobs").error());
    std::reverse(jobs.begin(), jobs.end());
    return jobs;
  }

 private:
  int schema_version() {
    const Statement version = prepare("PRAGMA user_version");
    return version && sqlite3_step(version.get()) == SQLITE_ROW ? sqlite3_column_int(version.get(), 0) : -1;
  }
  Statement prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(database_, sql, -1, &statement, nullptr);
    return Statement(statement);
  }
  static void text(const Statement& statement, int index, std::string_view value) {
    sqlite3_bind_text(statement.get(), index, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT);
  }
  Status error(const char* what) {
    const int code = sqlite3_errcode(database_) & 0xff;
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) return damaged(sqlite3_errmsg(database_));
    return fail(Errc::system, fmt::format("{}: {}", what, sqlite3_errmsg(database_)));
  }
  static Status damaged(std::string_view how) {
    return fail(Errc::system, fmt::format("the state database is damaged: {}", how), EUCLEAN);
  }
  // Every page and the index, where that takes moments; a larger one shows its damage when its rows are read.
  Status check_pages() {
    const Statement size = prepare("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()");
    if (!size || sqlite3_step(size.get()) != SQLITE_ROW) return error("read the state database");
    if (sqlite3_column_int64(size.get(), 0) > kCheckedBytes) return {};
    const Statement check = prepare("PRAGMA integrity_check(1)");
    if (!check || sqlite3_step(check.get()) != SQLITE_ROW) return error("check the state database");
    const std::string found = column(check.get(), 0);
    return found == "ok" ? Status() : damaged(found);
  }

  static std::string column(sqlite3_stmt* statement, int index) {
    const auto* value = reinterpret_cast<const char*>(sqlite3_column_text(statement, index));
    return value == nullptr ? "" : std::string(value, static_cast<std::size_t>(sqlite3_column_bytes(statement, index)));
  }
  static std::optional<WallTime> time_column(sqlite3_stmt* statement, int index) {
    if (sqlite3_column_type(statement, index) == SQLITE_NULL) return std::nullopt;
    return from_ms(sqlite3_column_int64(statement, index));
  }
  static StoredJob row(sqlite3_stmt* statement) {
    StoredJob job;
    job.id = column(statement, 0);
    job.name = column(statement, 1);
    job.state = from_name(kStateNames, column(statement, 2), State::interrupted);
    job.verdict = from_name(kVerdictNames, column(statement, 3), Verdict::none);
    job.reason = column(statement, 4);
    job.created_at = from_ms(sqlite3_column_int64(statement, 5));
    job.started_at = time_column(statement, 6);
    job.ended_at = time_column(statement, 7);
    job.devices = split(column(statement, 8));
    job.document = column(statement, 9);
    job.saved_at = time_column(statement, 10).value_or(job.started_at.value_or(job.created_at));
    return job;
  }

  std::mutex mutex_;
  sqlite3* database_;
};

class NullStore final : public JobStore {
 public:
  Status put(const StoredJob&) override { return {}; }
  Status erase(const std::string&) override { return {}; }
  util::Result<std::vector<StoredJob>> load(std::size_t) override { return std::vector<StoredJob>{}; }
};

}  // namespace

std::unique_ptr<JobStore> make_null_store() {
  return std::make_unique<NullStore>();
}

util::Result<std::unique_ptr<JobStore>> open_sqlite_store(const std::string& path) {
  sqlite3* database = nullptr;
  const int opened = sqlite3_open_v2(path.c_str(), &database,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  auto store = std::make_unique<SqliteStore>(database);
  if (opened != SQLITE_OK) {
    return fail(Errc::system, fmt::format("open {}: {}", path, sqlite3_errmsg(database)));
  }
  sqlite3_busy_timeout(database, 2000);
  if (auto status = store->initialize(); !status) return tl::unexpected(util::with_context(status.error(), path));
  return store;
}

}  // namespace spliced::job
