// SPDX-License-Identifier: Apache-2.0
#include "key_rows.h"

#include "database.h"

namespace spliced::store {

using util::Status;

namespace {

constexpr const char* kStoreKey = "store the key of a job";

}  // namespace

Status put_key(sqlite3* database, const StoredKey& key) {
  const Statement old = prepare_on(database, "DELETE FROM keys WHERE at_ms < ?");
  if (!old) return error_of(database, kStoreKey);
  sqlite3_bind_int64(old.get(), 1, to_ms(key.at - kKeyLife));
  if (auto status = run_on(database, old, kStoreKey); !status) return status;
  const Statement statement =
      prepare_on(database, "INSERT OR REPLACE INTO keys (principal, key, digest, job, at_ms) VALUES (?1,?2,?3,?4,?5)");
  if (!statement) return error_of(database, kStoreKey);
  text(statement, 1, key.principal);
  text(statement, 2, key.key);
  text(statement, 3, key.digest);
  text(statement, 4, key.job);
  sqlite3_bind_int64(statement.get(), 5, to_ms(key.at));
  return run_on(database, statement, kStoreKey);
}

util::Result<std::vector<StoredKey>> read_keys(sqlite3* database) {
  const Statement statement =
      prepare_on(database, "SELECT principal, key, digest, job, at_ms FROM keys WHERE at_ms >= ? ORDER BY at_ms");
  if (!statement) return tl::unexpected(error_of(database, "load keys").error());
  sqlite3_bind_int64(statement.get(), 1, to_ms(std::chrono::system_clock::now() - kKeyLife));
  std::vector<StoredKey> out;
  int step = SQLITE_DONE;
  while ((step = sqlite3_step(statement.get())) == SQLITE_ROW) {
    sqlite3_stmt* const row = statement.get();
    out.push_back(
        {column(row, 0), column(row, 1), column(row, 2), column(row, 3), from_ms(sqlite3_column_int64(row, 4))});
  }
  if (step != SQLITE_DONE) return tl::unexpected(error_of(database, "load keys").error());
  return out;
}

Status note_former(sqlite3* database, const std::string& job) {
  constexpr const char* what = "note the id of a job";
  const Statement note = prepare_on(database, "INSERT OR IGNORE INTO former_jobs (id) VALUES (?)");
  if (!note) return error_of(database, what);
  text(note, 1, job);
  if (auto status = run_on(database, note, what); !status) return status;
  const Statement old =
      prepare_on(database, "DELETE FROM former_jobs WHERE number <= (SELECT MAX(number) FROM former_jobs) - ?");
  if (!old) return error_of(database, what);
  number(old, 1, kFormerJobs);
  return run_on(database, old, what);
}

bool is_used(sqlite3* database, const std::string& job) {
  const Statement statement = prepare_on(
      database, "SELECT EXISTS(SELECT 1 FROM jobs WHERE id=?1) OR EXISTS(SELECT 1 FROM former_jobs WHERE id=?1)");
  if (!statement) throw reading_error(database);
  text(statement, 1, job);
  if (sqlite3_step(statement.get()) != SQLITE_ROW) throw reading_error(database);
  return sqlite3_column_int(statement.get(), 0) != 0;
}

}  // namespace spliced::store
