// SPDX-License-Identifier: Apache-2.0
#include "device_rows.h"

#include <stdexcept>

#include "database.h"

namespace spliced::store {

using util::Status;

namespace {

constexpr const char* kWhat = "store a job";

// Binds the place of a device, the first two parameters.
Statement prepare_at(sqlite3* database, const char* sql, const std::string& job, std::size_t index) {
  Statement statement = prepare_on(database, sql);
  if (!statement) return statement;
  text(statement, 1, job);
  number(statement, 2, index);
  return statement;
}

// Where a row is as it was, none of the disk's pages change.
constexpr const char* kPutDevice =
    "INSERT INTO devices (job, device, name, path, wwn, serial, model, revision, size, state, verdict, figures) VALUES "
    "(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12) ON CONFLICT (job, device) DO UPDATE SET name=excluded.name, "
    "path=excluded.path, wwn=excluded.wwn, serial=excluded.serial, model=excluded.model, revision=excluded.revision, "
    "size=excluded.size, state=excluded.state, verdict=excluded.verdict, figures=excluded.figures "
    "WHERE figures<>excluded.figures OR state<>excluded.state OR verdict<>excluded.verdict";
constexpr const char* kPutStage =
    "INSERT INTO stages (job, device, stage, name, state, figures) VALUES (?1,?2,?3,?4,?5,?6) ON CONFLICT (job, "
    "device, stage) DO UPDATE SET name=excluded.name, state=excluded.state, figures=excluded.figures "
    "WHERE figures<>excluded.figures OR state<>excluded.state";
constexpr const char* kPutError =
    "INSERT INTO errors (job, device, number, stage, stream, op, offset, length, errno, count, message) VALUES "
    "(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11) ON CONFLICT (job, device, number) DO UPDATE SET stage=excluded.stage, "
    "stream=excluded.stream, op=excluded.op, offset=excluded.offset, length=excluded.length, errno=excluded.errno, "
    "count=excluded.count, message=excluded.message WHERE count<>excluded.count OR offset<>excluded.offset OR "
    "stage<>excluded.stage OR stream<>excluded.stream OR op<>excluded.op OR length<>excluded.length OR "
    "errno<>excluded.errno OR message<>excluded.message";

Status put_stage(sqlite3* database, const std::string& job, std::size_t index, std::size_t at,
                 const StoredStage& stage) {
  const Statement statement = prepare_at(database, kPutStage, job, index);
  if (!statement) return error_of(database, kWhat);
  number(statement, 3, at);
  text(statement, 4, stage.name);
  text(statement, 5, stage.state);
  text(statement, 6, stage.figures);
  return run_on(database, statement, kWhat);
}

Status put_error(sqlite3* database, const std::string& job, std::size_t index, std::size_t at, const StoredError& one) {
  const Statement statement = prepare_at(database, kPutError, job, index);
  if (!statement) return error_of(database, kWhat);
  number(statement, 3, at);
  sqlite3_bind_int(statement.get(), 4, one.place.stage);
  sqlite3_bind_int(statement.get(), 5, one.place.stream);
  text(statement, 6, one.op);
  number(statement, 7, one.offset);
  number(statement, 8, one.length);
  text(statement, 9, one.error);
  number(statement, 10, one.count);
  text(statement, 11, one.message);
  return run_on(database, statement, kWhat);
}

}  // namespace

Status put_device(sqlite3* database, const std::string& job, std::size_t index, const StoredDevice& device) {
  const Statement statement = prepare_at(database, kPutDevice, job, index);
  if (!statement) return error_of(database, kWhat);
  text(statement, 3, device.name);
  text(statement, 4, device.path);
  text(statement, 5, device.wwn);
  text(statement, 6, device.serial);
  text(statement, 7, device.model);
  text(statement, 8, device.revision);
  number(statement, 9, device.size);
  text(statement, 10, device.state);
  text(statement, 11, device.verdict);
  text(statement, 12, device.figures);
  Status status = run_on(database, statement, kWhat);
  for (std::size_t i = 0; status && i < device.stages.size(); ++i) {
    status = put_stage(database, job, index, i, device.stages[i]);
  }
  for (std::size_t i = 0; status && i < device.errors.size(); ++i) {
    status = put_error(database, job, index, i, device.errors[i]);
  }
  return status;
}

namespace {

// Calls `take` with each row.
template <class Take>
void for_each_row(sqlite3* database, const char* sql, const std::string& job, std::size_t index, Take take) {
  const Statement statement = prepare_at(database, sql, job, index);
  if (!statement) throw reading_error(database);
  int step = SQLITE_DONE;
  while ((step = sqlite3_step(statement.get())) == SQLITE_ROW) take(statement.get());
  if (step != SQLITE_DONE) throw reading_error(database);
}

StoredError error_at(sqlite3_stmt* row) {
  return {{sqlite3_column_int(row, 0), sqlite3_column_int(row, 1)},
          column(row, 2),
          column(row, 5),
          number_at(row, 3),
          number_at(row, 4),
          number_at(row, 6),
          column(row, 7)};
}

// One view of all its rows, whoever writes meanwhile.
class Snapshot {
 public:
  explicit Snapshot(sqlite3* database) : database_(database) {
    if (!execute_on(database, "BEGIN", "read a job")) throw reading_error(database);
  }
  ~Snapshot() { sqlite3_exec(database_, "COMMIT", nullptr, nullptr, nullptr); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

 private:
  sqlite3* const database_;
};

}  // namespace

Status put_figures(sqlite3* database, const StoredFigures& figures) {
  const Statement statement =
      prepare_at(database,
                 "INSERT OR REPLACE INTO figures (job, device, stage, body) SELECT ?1,?2,?3,?4 WHERE EXISTS (SELECT 1 "
                 "FROM jobs WHERE id=?1)",
                 figures.job, figures.device);
  if (!statement) return error_of(database, kWhat);
  sqlite3_bind_int(statement.get(), 3, figures.stage);
  sqlite3_bind_blob(statement.get(), 4, figures.body.data(), static_cast<int>(figures.body.size()), SQLITE_STATIC);
  return run_on(database, statement, kWhat);
}

std::optional<std::string> read_figures(sqlite3* database, const std::string& job, std::size_t index, int stage) {
  const Statement statement =
      prepare_at(database, "SELECT body FROM figures WHERE job=?1 AND device=?2 AND stage=?3", job, index);
  if (!statement) throw reading_error(database);
  sqlite3_bind_int(statement.get(), 3, stage);
  const int step = sqlite3_step(statement.get());
  if (step == SQLITE_DONE) return std::nullopt;
  if (step != SQLITE_ROW) throw reading_error(database);
  return column(statement.get(), 0);
}

StoredDevice read_device(sqlite3* database, const std::string& job, std::size_t index) {
  const Snapshot snapshot(database);
  StoredDevice out;
  bool known = false;
  for_each_row(database, "SELECT 1 FROM jobs WHERE id=?1 AND ?2 IS NOT NULL", job, index,
               [&](sqlite3_stmt*) { known = true; });
  if (!known) throw std::runtime_error("the job was forgotten while it was read");
  for_each_row(database,
               "SELECT name, path, wwn, serial, model, revision, size, state, verdict, figures FROM devices WHERE "
               "job=?1 AND device=?2",
               job, index, [&](sqlite3_stmt* row) {
                 out.name = column(row, 0);
                 out.path = column(row, 1);
                 out.wwn = column(row, 2);
                 out.serial = column(row, 3);
                 out.model = column(row, 4);
                 out.revision = column(row, 5);
                 out.size = number_at(row, 6);
                 out.state = column(row, 7);
                 out.verdict = column(row, 8);
                 out.figures = column(row, 9);
               });
  for_each_row(database, "SELECT name, state, figures FROM stages WHERE job=?1 AND device=?2 ORDER BY stage", job,
               index, [&](sqlite3_stmt* row) {
                 out.stages.push_back({column(row, 0), column(row, 1), column(row, 2)});
               });
  for_each_row(database,
               "SELECT stage, stream, op, offset, length, errno, count, message FROM errors WHERE job=?1 AND device=?2 "
               "ORDER BY number",
               job, index, [&](sqlite3_stmt* row) { out.errors.push_back(error_at(row)); });
  return out;
}

}  // namespace spliced::store
