// SPDX-License-Identifier: Apache-2.0
#include "checkpoint_rows.h"

#include <algorithm>

#include "database.h"
#include "device_rows.h"
#include "rows.h"

namespace spliced::store {

using util::Status;

namespace {

constexpr const char* kPut = "store how far a job has come";

Status put_cursor(sqlite3* database, const StoredCursor& cursor) {
  const Statement statement = prepare_on(database,
                                         "INSERT OR REPLACE INTO cursors (job, device, stage, stream, position, "
                                         "watermark, above, runtime_ns, at_ms) SELECT "
                                         "?1,?2,?3,?4,?5,?6,?7,?8,?9 WHERE EXISTS (SELECT 1 FROM jobs WHERE id=?1 AND "
                                         "ended_ms IS NULL)");
  if (!statement) return error_of(database, kPut);
  text(statement, 1, cursor.job);
  number(statement, 2, cursor.device);
  sqlite3_bind_int(statement.get(), 3, cursor.place.stage);
  sqlite3_bind_int(statement.get(), 4, cursor.place.stream);
  number(statement, 5, cursor.position);
  number(statement, 6, cursor.watermark);
  sqlite3_bind_blob(statement.get(), 7, cursor.above.data(), static_cast<int>(cursor.above.size()), SQLITE_STATIC);
  sqlite3_bind_int64(statement.get(), 8, cursor.active);
  sqlite3_bind_int64(statement.get(), 9, to_ms(cursor.at));
  return run_on(database, statement, kPut);
}

util::Result<std::vector<StoredCursor>> read_cursors(sqlite3* database, const std::string& job) {
  const Statement statement =
      prepare_on(database,
                 "SELECT device, stage, stream, position, watermark, above, runtime_ns, at_ms FROM cursors WHERE job=? "
                 "ORDER BY device, stage, stream");
  if (!statement) return tl::unexpected(error_of(database, "read cursors").error());
  text(statement, 1, job);
  std::vector<StoredCursor> out;
  int step = SQLITE_DONE;
  while ((step = sqlite3_step(statement.get())) == SQLITE_ROW) {
    sqlite3_stmt* const row = statement.get();
    out.push_back({job,
                   number_at(row, 0),
                   {sqlite3_column_int(row, 1), sqlite3_column_int(row, 2)},
                   number_at(row, 3),
                   number_at(row, 4),
                   column(row, 5),
                   sqlite3_column_int64(row, 6),
                   from_ms(sqlite3_column_int64(row, 7))});
  }
  if (step != SQLITE_DONE) return tl::unexpected(error_of(database, "read cursors").error());
  return out;
}

// Of the stages before.
Status erase_old_cursors(sqlite3* database, const StoredCheckpoint& at) {
  const Statement statement = prepare_on(database, "DELETE FROM cursors WHERE job=?1 AND device=?2 AND stage<>?3");
  if (!statement) return error_of(database, kPut);
  text(statement, 1, at.job);
  number(statement, 2, at.device);
  number(statement, 3, at.stage);
  return run_on(database, statement, kPut);
}

Status put_counts(sqlite3* database, const StoredCheckpoint& at) {
  const Statement statement = prepare_on(
      database,
      "INSERT OR REPLACE INTO checkpoints (job, device, stage, at_ms, counts) SELECT ?1,?2,?3,?4,?5 WHERE EXISTS "
      "(SELECT 1 FROM jobs WHERE id=?1 AND ended_ms IS NULL)");
  if (!statement) return error_of(database, kPut);
  text(statement, 1, at.job);
  number(statement, 2, at.device);
  number(statement, 3, at.stage);
  sqlite3_bind_int64(statement.get(), 4, to_ms(at.at));
  text(statement, 5, at.counts);
  return run_on(database, statement, kPut);
}

}  // namespace

Status put_checkpoint(sqlite3* database, const StoredCheckpoint& checkpoint) {
  Status status = erase_old_cursors(database, checkpoint);
  for (const StoredCursor& cursor : checkpoint.cursors) {
    if (status) status = put_cursor(database, cursor);
  }
  if (status) status = put_counts(database, checkpoint);
  // Where nothing was put there is no such job, or it has ended.
  if (!status || !checkpoint.shown || sqlite3_changes(database) == 0) return status;
  return put_device(database, checkpoint.job, checkpoint.device, *checkpoint.shown);
}

util::Result<std::vector<StoredCheckpoint>> read_checkpoints(sqlite3* database, const std::string& job) {
  auto cursors = read_cursors(database, job);
  if (!cursors) return tl::unexpected(cursors.error());
  const Statement statement =
      prepare_on(database, "SELECT device, stage, at_ms, counts FROM checkpoints WHERE job=? ORDER BY device");
  if (!statement) return tl::unexpected(error_of(database, "read checkpoints").error());
  text(statement, 1, job);
  std::vector<StoredCheckpoint> out;
  int step = SQLITE_DONE;
  while ((step = sqlite3_step(statement.get())) == SQLITE_ROW) {
    sqlite3_stmt* const row = statement.get();
    StoredCheckpoint& one = out.emplace_back();
    one.job = job;
    one.device = number_at(row, 0);
    one.stage = number_at(row, 1);
    one.at = from_ms(sqlite3_column_int64(row, 2));
    one.counts = column(row, 3);
    for (StoredCursor& cursor : *cursors) {
      const bool is_of_it = cursor.device == one.device && cursor.place.stage == static_cast<int>(one.stage);
      if (is_of_it) one.cursors.push_back(std::move(cursor));
    }
  }
  if (step != SQLITE_DONE) return tl::unexpected(error_of(database, "read checkpoints").error());
  return out;
}

Status erase_checkpoints(sqlite3* database, const std::string& job) {
  const Status status = erase_where(database, "DELETE FROM cursors WHERE job=?", job);
  return status ? erase_where(database, "DELETE FROM checkpoints WHERE job=?", job) : status;
}

}  // namespace spliced::store
