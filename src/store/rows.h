// SPDX-License-Identifier: Apache-2.0
// The rows of a job, written and read. A connection is used by one thread at a time.
#pragma once
#include <sqlite3.h>

#include <cstdint>
#include <string>

#include "spliced/store/job_store.h"

namespace spliced::store {

// `newest`: the number of the document that belongs to it from now on, 0 when that stays. Nothing changes of a job that
// has ended; sqlite3_changes() tells.
[[nodiscard]] util::Status put_row(sqlite3* database, const StoredJob& job, std::int64_t newest);
[[nodiscard]] util::Status put_piece(sqlite3* database, const std::string& job, std::int64_t newest,
                                     std::int64_t number, const std::string& piece);
// Executes a statement with one or two parameters, the id of a job and the number of a document.
[[nodiscard]] util::Status drop_rows(sqlite3* database, const char* sql, const std::string& job,
                                     std::int64_t number = 0);

// The newest rows, as many as its parameter says, for row_of() to take apart.
inline constexpr const char* kSelectNewest =
    "SELECT id, name, state, verdict, reason, created_ms, started_ms, ended_ms, devices, targets, "
    "target_count, destructive, progress, errors, CASE WHEN ended_ms IS NULL THEN saved_ms END, "
    "rowid, created_by FROM jobs ORDER BY rowid DESC LIMIT ?";
[[nodiscard]] StoredJob row_of(sqlite3_stmt* statement);

}  // namespace spliced::store
