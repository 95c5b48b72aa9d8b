// SPDX-License-Identifier: Apache-2.0
#include "rows.h"

#include "database.h"

namespace spliced::store {

using util::Status;

namespace {

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

std::optional<util::WallTime> time_column(sqlite3_stmt* statement, int index) {
  if (sqlite3_column_type(statement, index) == SQLITE_NULL) return std::nullopt;
  return from_ms(sqlite3_column_int64(statement, index));
}

}  // namespace

Status put_row(sqlite3* database, const StoredJob& job, std::int64_t newest) {
  const Statement statement = prepare_on(
      database,
      "INSERT INTO jobs (rowid, id, name, state, verdict, reason, created_ms, started_ms, ended_ms, devices, "
      "document, "
      "saved_ms, targets, target_count, destructive, progress, errors, text, created_by) "
      "VALUES (?17,?1,?2,?3,?4,?5,?6,?7,?8,?9,'',?10,?11,?12,?13,?14,?15,?16,?18) ON CONFLICT(id) DO UPDATE SET "
      "name=excluded.name, "
      "state=excluded.state, verdict=excluded.verdict, reason=excluded.reason, started_ms=excluded.started_ms, "
      "ended_ms=excluded.ended_ms, devices=excluded.devices, saved_ms=excluded.saved_ms, targets=excluded.targets, "
      "target_count=excluded.target_count, destructive=excluded.destructive, progress=excluded.progress, "
      "errors=excluded.errors, text=COALESCE(excluded.text, jobs.text) WHERE jobs.ended_ms IS NULL");
  if (!statement) return error_of(database, "store a job");
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
  return sqlite3_step(statement.get()) == SQLITE_DONE ? Status() : error_of(database, "store a job");
}

Status put_piece(sqlite3* database, const std::string& job, std::int64_t newest, std::int64_t number,
                 const std::string& piece) {
  const Statement statement = prepare_on(database, "INSERT INTO pieces VALUES (?,?,?,?)");
  if (!statement) return error_of(database, "store a job");
  sqlite3_bind_int64(statement.get(), 1, newest);
  sqlite3_bind_int64(statement.get(), 2, number);
  text(statement, 3, job);
  sqlite3_bind_blob(statement.get(), 4, piece.data(), static_cast<int>(piece.size()), SQLITE_STATIC);
  return sqlite3_step(statement.get()) == SQLITE_DONE ? Status() : error_of(database, "store a job");
}

Status drop_rows(sqlite3* database, const char* sql, const std::string& job, std::int64_t number) {
  const Statement statement = prepare_on(database, sql);
  if (!statement) return error_of(database, "forget a job");
  text(statement, 1, job);
  if (number != 0) sqlite3_bind_int64(statement.get(), 2, number);
  return sqlite3_step(statement.get()) == SQLITE_DONE ? Status() : error_of(database, "forget a job");
}

StoredJob row_of(sqlite3_stmt* statement) {
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

}  // namespace spliced::store
