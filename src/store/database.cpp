// SPDX-License-Identifier: Apache-2.0
#include "database.h"

#include <fmt/format.h>

#include <cerrno>

namespace spliced::store {

Statement prepare_on(sqlite3* database, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(database, sql, -1, &statement, nullptr);
  return Statement(statement);
}
void text(const Statement& statement, int index, std::string_view value) {
  sqlite3_bind_text(statement.get(), index, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT);
}

std::int64_t to_ms(util::WallTime when) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(when.time_since_epoch()).count();
}
util::WallTime from_ms(std::int64_t ms) {
  return util::WallTime(std::chrono::milliseconds(ms));
}

void number(const Statement& statement, int index, std::uint64_t value) {
  sqlite3_bind_int64(statement.get(), index, static_cast<sqlite3_int64>(value));
}
std::uint64_t number_at(sqlite3_stmt* statement, int index) {
  return static_cast<std::uint64_t>(sqlite3_column_int64(statement, index));
}
util::Status run_on(sqlite3* database, const Statement& statement, const char* what) {
  return statement && sqlite3_step(statement.get()) == SQLITE_DONE ? util::Status() : error_of(database, what);
}

std::string column(sqlite3_stmt* statement, int index) {
  const auto* value = reinterpret_cast<const char*>(sqlite3_column_text(statement, index));
  return value == nullptr ? "" : std::string(value, static_cast<std::size_t>(sqlite3_column_bytes(statement, index)));
}

util::Status error_of(sqlite3* database, const char* what) {
  const int code = sqlite3_errcode(database) & 0xff;
  if (code == SQLITE_BUSY) {
    return util::fail(util::Errc::system,
                      fmt::format("{}: another write has not ended; the state directory is slow", what));
  }
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) return damaged(sqlite3_errmsg(database));
  return util::fail(util::Errc::system, fmt::format("{}: {}", what, sqlite3_errmsg(database)));
}
util::Status damaged(std::string_view how) {
  return util::fail(util::Errc::system, fmt::format("the state database is damaged: {}", how), EUCLEAN);
}
util::Status execute_on(sqlite3* database, const char* sql, const char* what) {
  if (sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  auto status = error_of(database, what);
  sqlite3_exec(database, "ROLLBACK", nullptr, nullptr, nullptr);
  return status;
}

std::runtime_error reading_error(sqlite3* database) {
  return std::runtime_error(fmt::format("read a job: {}", sqlite3_errmsg(database)));
}

}  // namespace spliced::store
