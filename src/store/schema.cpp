// SPDX-License-Identifier: Apache-2.0
#include "schema.h"

#include <fmt/format.h>

#include <array>

#include "database.h"

namespace spliced::store {

using util::Status;

namespace {

// user_version of the database; one that is newer than this is refused rather than guessed at.
constexpr int kSchemaVersion = 9;
// The number of a row of `jobs` is the job's place in the order of jobs. `document`, `text` and `pieces` are where
// earlier versions had the job as one text: what they stored is read from there. A job of this version has a `spec`,
// and its devices, their stages, cursors and errors have rows of their own; a number in the place of `stage` or
// `stream` is -1 where it is of all of them.
constexpr const char* kSchema = R"(
PRAGMA auto_vacuum=INCREMENTAL;
PRAGMA journal_mode=WAL;
PRAGMA journal_size_limit=16777216;
PRAGMA synchronous=NORMAL;
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS jobs (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL,
  created_ms INTEGER NOT NULL, started_ms INTEGER, ended_ms INTEGER, devices TEXT NOT NULL, document TEXT NOT NULL,
  saved_ms INTEGER, targets TEXT, target_count INTEGER, destructive INTEGER, progress REAL, errors INTEGER,
  text INTEGER, created_by TEXT, run_id TEXT, elapsed_ns INTEGER, spec TEXT,
  history TEXT);
CREATE TABLE IF NOT EXISTS pieces (
  text INTEGER NOT NULL, number INTEGER NOT NULL, job TEXT NOT NULL, piece BLOB NOT NULL, PRIMARY KEY (text, number));
CREATE INDEX IF NOT EXISTS pieces_of_jobs ON pieces (job);
CREATE TABLE IF NOT EXISTS devices (
  job TEXT NOT NULL, device INTEGER NOT NULL, name TEXT NOT NULL, path TEXT NOT NULL, wwn TEXT NOT NULL,
  serial TEXT NOT NULL, model TEXT NOT NULL, revision TEXT NOT NULL, size INTEGER NOT NULL, state TEXT NOT NULL,
  verdict TEXT NOT NULL, figures TEXT NOT NULL, PRIMARY KEY (job, device));
CREATE TABLE IF NOT EXISTS stages (
  job TEXT NOT NULL, device INTEGER NOT NULL, stage INTEGER NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL,
  figures TEXT NOT NULL, PRIMARY KEY (job, device, stage));
CREATE TABLE IF NOT EXISTS cursors (
  job TEXT NOT NULL, device INTEGER NOT NULL, stage INTEGER NOT NULL, stream INTEGER NOT NULL,
  position INTEGER NOT NULL, watermark INTEGER NOT NULL, above BLOB NOT NULL, runtime_ns INTEGER NOT NULL,
  at_ms INTEGER NOT NULL, PRIMARY KEY (job, device, stage, stream));
CREATE TABLE IF NOT EXISTS checkpoints (
  job TEXT NOT NULL, device INTEGER NOT NULL, stage INTEGER NOT NULL, at_ms INTEGER NOT NULL, counts TEXT NOT NULL,
  PRIMARY KEY (job, device));
CREATE TABLE IF NOT EXISTS figures (
  job TEXT NOT NULL, device INTEGER NOT NULL, stage INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (job, device, stage));
CREATE TABLE IF NOT EXISTS errors (
  job TEXT NOT NULL, device INTEGER NOT NULL, number INTEGER NOT NULL, stage INTEGER NOT NULL,
  stream INTEGER NOT NULL, op TEXT NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL, errno TEXT NOT NULL,
  count INTEGER NOT NULL, message TEXT NOT NULL, PRIMARY KEY (job, device, number));
CREATE TABLE IF NOT EXISTS events (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, job TEXT NOT NULL, kind TEXT NOT NULL,
  state TEXT NOT NULL, verdict TEXT NOT NULL, text TEXT NOT NULL, device TEXT NOT NULL DEFAULT '',
  stage TEXT NOT NULL DEFAULT '', offset INTEGER NOT NULL DEFAULT 0, what TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS events_of_jobs ON events (job);
CREATE TABLE IF NOT EXISTS keys (
  principal TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL, job TEXT NOT NULL, at_ms INTEGER NOT NULL,
  PRIMARY KEY (principal, key));
CREATE INDEX IF NOT EXISTS keys_by_age ON keys (at_ms);
CREATE TABLE IF NOT EXISTS former_jobs (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE);
DELETE FROM pieces WHERE text NOT IN (SELECT text FROM jobs WHERE text IS NOT NULL);
DELETE FROM stages WHERE job IN (SELECT job FROM devices WHERE job NOT IN (SELECT id FROM jobs));
DELETE FROM errors WHERE job IN (SELECT job FROM devices WHERE job NOT IN (SELECT id FROM jobs));
DELETE FROM devices WHERE job NOT IN (SELECT id FROM jobs);
DELETE FROM cursors WHERE job NOT IN (SELECT id FROM jobs);
DELETE FROM checkpoints WHERE job NOT IN (SELECT id FROM jobs);
DELETE FROM figures WHERE job NOT IN (SELECT id FROM jobs);
PRAGMA user_version=9;
COMMIT;
)";
// All or nothing: half of it could not be repeated. Rows are not touched, as large as they may be.
constexpr const char* kFromVersion1 =
    "BEGIN IMMEDIATE; ALTER TABLE jobs ADD COLUMN saved_ms INTEGER; PRAGMA user_version=2; COMMIT;";
constexpr const char* kFromVersion2 = R"(
BEGIN IMMEDIATE;
ALTER TABLE jobs ADD COLUMN targets TEXT;
ALTER TABLE jobs ADD COLUMN target_count INTEGER;
ALTER TABLE jobs ADD COLUMN destructive INTEGER;
ALTER TABLE jobs ADD COLUMN progress REAL;
ALTER TABLE jobs ADD COLUMN errors INTEGER;
ALTER TABLE jobs ADD COLUMN text INTEGER;
PRAGMA user_version=3;
COMMIT;
)";
constexpr const char* kFromVersion3 =
    "BEGIN IMMEDIATE; ALTER TABLE jobs ADD COLUMN created_by TEXT; PRAGMA user_version=4; COMMIT;";
constexpr const char* kFromVersion4 = "PRAGMA user_version=5;";  // see give_back_room()
constexpr const char* kFromVersion5 = R"(
BEGIN IMMEDIATE;
ALTER TABLE jobs ADD COLUMN run_id TEXT;
ALTER TABLE jobs ADD COLUMN elapsed_ns INTEGER;
ALTER TABLE jobs ADD COLUMN spec TEXT;
PRAGMA user_version=6;
COMMIT;
)";
// A version before the sixth has no events.
constexpr const char* kFromVersion6 = R"(
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS events (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, job TEXT NOT NULL, kind TEXT NOT NULL,
  state TEXT NOT NULL, verdict TEXT NOT NULL, text TEXT NOT NULL);
ALTER TABLE events ADD COLUMN device TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN stage TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN offset INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN what TEXT NOT NULL DEFAULT '';
PRAGMA user_version=7;
COMMIT;
)";
constexpr const char* kFromVersion7 =
    "BEGIN IMMEDIATE; ALTER TABLE jobs ADD COLUMN history TEXT; PRAGMA user_version=8; COMMIT;";
constexpr const char* kFromVersion8 = "PRAGMA user_version=9;";  // a table is new
constexpr std::array kProbes{
    "SELECT id, name, state, verdict, reason, created_ms, started_ms, ended_ms, devices, document, saved_ms, targets, "
    "target_count, destructive, progress, errors, text, created_by, run_id, elapsed_ns, spec, history, number, piece "
    "FROM jobs "
    "JOIN pieces USING (text)",
    "SELECT job, device, name, path, wwn, serial, model, revision, size, state, verdict, figures FROM devices",
    "SELECT job, device, stage, name, state, figures FROM stages",
    "SELECT job, device, stage, stream, position, watermark, above, runtime_ns, at_ms FROM cursors",
    "SELECT job, device, stage, at_ms, counts FROM checkpoints",
    "SELECT job, device, stage, body FROM figures",
    "SELECT job, device, number, stage, stream, op, offset, length, errno, count, message FROM errors",
    "SELECT id, at_ms, job, kind, state, verdict, text, device, stage, offset, what FROM events",
    "SELECT principal, key, digest, job, at_ms FROM keys",
    "SELECT number, id FROM former_jobs"};
constexpr sqlite3_int64 kCheckedBytes = 64 << 20;  // of a database that is checked as a whole at the start

util::Result<sqlite3_int64> bytes_of(sqlite3* database) {
  const Statement size =
      prepare_on(database, "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()");
  if (size && sqlite3_step(size.get()) == SQLITE_ROW) return sqlite3_column_int64(size.get(), 0);
  return tl::unexpected(error_of(database, "read the state database").error());
}

// Every page and the index, where that takes moments; a larger one shows its damage when its rows are read.
Status check_pages(sqlite3* database, sqlite3_int64 bytes) {
  if (bytes > kCheckedBytes) return {};
  const Statement check = prepare_on(database, "PRAGMA integrity_check(1)");
  if (!check || sqlite3_step(check.get()) != SQLITE_ROW) return error_of(database, "check the state database");
  const std::string found = column(check.get(), 0);
  return found == "ok" ? Status() : damaged(found);
}

// So that a database of an earlier version shrinks when jobs are forgotten, too: all of it is written anew.
Status give_back_room(sqlite3* database, sqlite3_int64 bytes) {
  if (bytes > kCheckedBytes) return {};
  return execute_on(database, "PRAGMA auto_vacuum=INCREMENTAL; VACUUM", "tidy up the state database");
}

int schema_version(sqlite3* database) {
  const Statement version = prepare_on(database, "PRAGMA user_version");
  return version && sqlite3_step(version.get()) == SQLITE_ROW ? sqlite3_column_int(version.get(), 0) : -1;
}

}  // namespace

Status prepare_schema(sqlite3* database) {
  const auto bytes = bytes_of(database);
  if (!bytes) return tl::unexpected(bytes.error());
  if (auto status = check_pages(database, *bytes); !status) return status;
  const int version = schema_version(database);
  if (version < 0) return error_of(database, "read the state database");
  if (version > kSchemaVersion) {
    return util::fail(util::Errc::system, fmt::format("the state database has version {}; this program knows up to {}",
                                                      version, kSchemaVersion));
  }
  constexpr std::array steps{kFromVersion1, kFromVersion2, kFromVersion3, kFromVersion4,
                             kFromVersion5, kFromVersion6, kFromVersion7, kFromVersion8};
  for (int from = version; from >= 1 && from < kSchemaVersion; ++from) {
    const char* step = steps.at(static_cast<std::size_t>(from) - 1);
    if (auto status = execute_on(database, step, "bring the state database up to date"); !status) return status;
  }
  if (version >= 1 && version < 5) {
    if (auto status = give_back_room(database, *bytes); !status) return status;
  }
  if (auto status = execute_on(database, kSchema, "prepare the state database"); !status) return status;
  // Prepared without an error, each column is there.
  for (const char* probe : kProbes) {
    if (!prepare_on(database, probe) && sqlite3_errcode(database) == SQLITE_ERROR) {
      return damaged(sqlite3_errmsg(database));
    }
  }
  return {};
}

}  // namespace spliced::store
