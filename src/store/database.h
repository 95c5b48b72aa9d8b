// SPDX-License-Identifier: Apache-2.0
// What every user of the state database needs of SQLite. A connection is used by one thread at a time.
#pragma once
#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "spliced/util/clock.h"
#include "spliced/util/result.h"

namespace spliced::store {

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

struct Close {
  void operator()(sqlite3* database) const { sqlite3_close(database); }
};

// Null when it cannot be done; sqlite3_errmsg() says why.
[[nodiscard]] Statement prepare_on(sqlite3* database, const char* sql);
// Binds a text, or a number of this range.
void text(const Statement& statement, int index, std::string_view value);
void number(const Statement& statement, int index, std::uint64_t value);
[[nodiscard]] std::uint64_t number_at(sqlite3_stmt* statement, int index);
// A time as a column has it, and back.
[[nodiscard]] std::int64_t to_ms(util::WallTime when);
[[nodiscard]] util::WallTime from_ms(std::int64_t ms);
// Carries a statement out that gives no rows.
[[nodiscard]] util::Status run_on(sqlite3* database, const Statement& statement, const char* what);
// The text of a column; "" for NULL.
[[nodiscard]] std::string column(sqlite3_stmt* statement, int index);

// What SQLite says of its last failure, as an error that begins with what was to be done; EUCLEAN where it says that
// the database is damaged.
[[nodiscard]] util::Status error_of(sqlite3* database, const char* what);
[[nodiscard]] util::Status damaged(std::string_view how);
// Executes statements; rolls back the transaction that they may have begun when one fails.
[[nodiscard]] util::Status execute_on(sqlite3* database, const char* sql, const char* what);

// What is not there, or cannot be read, for callers that throw.
[[nodiscard]] std::runtime_error reading_error(sqlite3* database);

}  // namespace spliced::store
