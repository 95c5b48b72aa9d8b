// SPDX-License-Identifier: Apache-2.0
#include "rows.h"

#include "checkpoint_rows.h"
#include "database.h"
#include "key_rows.h"

namespace spliced::store {

using util::Status;

namespace {

constexpr const char* kStoreJob = "store a job";

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

Status put_row(sqlite3* database, const StoredJob& job) {
  const Statement statement = prepare_on(
      database,
      "INSERT INTO jobs (rowid, id, name, state, verdict, reason, created_ms, started_ms, ended_ms, devices, document, "
      "saved_ms, targets, target_count, destructive, progress, errors, created_by, run_id, elapsed_ns, spec, history) "
      "VALUES (?16,?1,?2,?3,?4,?5,?6,?7,?8,?9,'',?10,?11,?12,?13,?14,?15,?17,?18,?19,?20,?21) ON CONFLICT(id) DO "
      "UPDATE "
      "SET name=excluded.name, state=excluded.state, verdict=excluded.verdict, reason=excluded.reason, "
      "started_ms=excluded.started_ms, ended_ms=excluded.ended_ms, devices=excluded.devices, "
      "saved_ms=excluded.saved_ms, targets=excluded.targets, target_count=excluded.target_count, "
      "history=excluded.history, destructive=excluded.destructive, progress=excluded.progress, errors=excluded.errors, "
      "elapsed_ns=COALESCE(excluded.elapsed_ns, jobs.elapsed_ns), spec=COALESCE(excluded.spec, jobs.spec) "
      "WHERE jobs.ended_ms IS NULL");
  if (!statement) return error_of(database, kStoreJob);
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
  number(statement, 12, job.target_count);
  if (job.destructive) sqlite3_bind_int(statement.get(), 13, *job.destructive ? 1 : 0);
  if (job.progress) sqlite3_bind_double(statement.get(), 14, *job.progress);
  if (job.errors) number(statement, 15, *job.errors);
  if (job.sequence != 0) number(statement, 16, job.sequence);
  text(statement, 17, job.created_by);
  text(statement, 18, job.run_id);
  if (job.elapsed) sqlite3_bind_int64(statement.get(), 19, *job.elapsed);
  if (job.spec) text(statement, 20, *job.spec);
  text(statement, 21, job.history);
  return run_on(database, statement, kStoreJob);
}

util::Result<bool> has_ended(sqlite3* database, const std::string& job) {
  const Statement statement = prepare_on(database, "SELECT 1 FROM jobs WHERE id=? AND ended_ms IS NOT NULL");
  if (statement) text(statement, 1, job);
  const int step = statement ? sqlite3_step(statement.get()) : SQLITE_ERROR;
  if (step == SQLITE_ROW) return true;
  if (step == SQLITE_DONE) return false;
  return tl::unexpected(error_of(database, kStoreJob).error());
}

Status raise_event_id(sqlite3* database, std::uint64_t id) {
  for (const char* sql : {"INSERT INTO sqlite_sequence (name, seq) SELECT 'events', ?1 WHERE NOT EXISTS (SELECT 1 FROM "
                          "sqlite_sequence WHERE name='events')",
                          "UPDATE sqlite_sequence SET seq=MAX(seq, ?1) WHERE name='events'"}) {
    const Statement statement = prepare_on(database, sql);
    if (!statement) return error_of(database, "reserve the ids of events");
    number(statement, 1, id);
    if (auto status = run_on(database, statement, "reserve the ids of events"); !status) return status;
  }
  return {};
}

// One that is there already was put by a call whose answer was lost.
Status put_events(sqlite3* database, const std::vector<StoredEvent>& events) {
  for (const StoredEvent& event : events) {
    const Statement statement = prepare_on(
        database,
        "INSERT OR IGNORE INTO events (id, at_ms, job, kind, state, verdict, text, device, stage, offset, what) "
        "SELECT ?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11 WHERE EXISTS (SELECT 1 FROM jobs WHERE id=?3)");
    if (!statement) return error_of(database, kStoreJob);
    number(statement, 1, event.id);
    sqlite3_bind_int64(statement.get(), 2, to_ms(event.at));
    text(statement, 3, event.job);
    text(statement, 4, event.kind);
    text(statement, 5, event.state);
    text(statement, 6, event.verdict);
    text(statement, 7, event.text);
    text(statement, 8, event.device);
    text(statement, 9, event.stage);
    number(statement, 10, event.offset);
    text(statement, 11, event.what);
    if (auto status = run_on(database, statement, kStoreJob); !status) return status;
  }
  return {};
}

Status erase_where(sqlite3* database, const char* sql, const std::string& job) {
  const Statement statement = prepare_on(database, sql);
  if (!statement) return error_of(database, "forget a job");
  text(statement, 1, job);
  return run_on(database, statement, "forget a job");
}

Status erase_rows(sqlite3* database, const std::string& job, Erased how) {
  for (const char* sql :
       {"DELETE FROM jobs WHERE id=?", "DELETE FROM devices WHERE job=?", "DELETE FROM stages WHERE job=?",
        "DELETE FROM errors WHERE job=?", "DELETE FROM figures WHERE job=?", "DELETE FROM events WHERE job=?",
        "DELETE FROM pieces WHERE job=?"}) {
    if (auto status = erase_where(database, sql, job); !status) return status;
  }
  const Status status = how == Erased::forgotten ? note_former(database, job)
                                                 : erase_where(database, "DELETE FROM keys WHERE job=?", job);
  return status ? erase_checkpoints(database, job) : status;
}

std::optional<std::string> read_spec(sqlite3* database, const std::string& job) {
  const Statement statement = prepare_on(database, "SELECT spec FROM jobs WHERE id=?");
  if (!statement) throw reading_error(database);
  text(statement, 1, job);
  const int step = sqlite3_step(statement.get());
  if (step == SQLITE_DONE) throw std::runtime_error("the job was forgotten while it was read");
  if (step != SQLITE_ROW) throw reading_error(database);
  if (sqlite3_column_type(statement.get(), 0) == SQLITE_NULL) return std::nullopt;
  return column(statement.get(), 0);
}

std::vector<StoredEvent> read_events(sqlite3* database, std::uint64_t after, std::size_t limit,
                                     const std::string& job) {
  const Statement statement = prepare_on(
      database, job.empty() ? "SELECT id, at_ms, job, kind, state, verdict, text, device, stage, offset, what FROM "
                              "events WHERE id>? ORDER BY id LIMIT ?"
                            : "SELECT id, at_ms, job, kind, state, verdict, text, device, stage, offset, what FROM "
                              "events WHERE id>? AND job=?3 ORDER BY id LIMIT ?2");
  if (!statement) throw reading_error(database);
  number(statement, 1, after);
  number(statement, 2, limit);
  if (!job.empty()) text(statement, 3, job);
  std::vector<StoredEvent> out;
  int step = SQLITE_DONE;
  while ((step = sqlite3_step(statement.get())) == SQLITE_ROW) {
    sqlite3_stmt* const row = statement.get();
    out.push_back({number_at(row, 0), from_ms(sqlite3_column_int64(row, 1)), column(row, 2), column(row, 3),
                   column(row, 4), column(row, 5), column(row, 6), column(row, 7), column(row, 8), number_at(row, 9),
                   column(row, 10)});
  }
  if (step != SQLITE_DONE) throw reading_error(database);
  return out;
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
  job.history = column(statement, 19);
  job.run_id = column(statement, 17);
  if (known(18)) job.elapsed = sqlite3_column_int64(statement, 18);
  return job;
}

}  // namespace spliced::store
