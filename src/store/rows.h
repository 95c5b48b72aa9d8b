// SPDX-License-Identifier: Apache-2.0
// The rows of a job, written and read. A connection is used by one thread at a time.
#pragma once
#include <sqlite3.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "spliced/store/job_store.h"

namespace spliced::store {

// Nothing changes of a job that has ended; sqlite3_changes() tells.
[[nodiscard]] util::Status put_row(sqlite3* database, const StoredJob& job);
// Whether the job is there and has ended.
[[nodiscard]] util::Result<bool> has_ended(sqlite3* database, const std::string& job);
// The ids of events that are to come are greater.
[[nodiscard]] util::Status raise_event_id(sqlite3* database, std::uint64_t id);
[[nodiscard]] util::Status put_events(sqlite3* database, const std::vector<StoredEvent>& events);
// Those of a job, by a statement with its id as the only parameter.
[[nodiscard]] util::Status erase_where(sqlite3* database, const char* sql, const std::string& job);
// All rows of a job, in every table; of one that was forgotten its id and its key are kept.
[[nodiscard]] util::Status erase_rows(sqlite3* database, const std::string& job, Erased how);

// nullopt where there is none. These throw std::runtime_error.
[[nodiscard]] std::optional<std::string> read_spec(sqlite3* database, const std::string& job);
[[nodiscard]] std::vector<StoredEvent> read_events(sqlite3* database, std::uint64_t after, std::size_t limit,
                                                   const std::string& job);

// The newest rows, as many as its parameter says, for row_of() to take apart.
inline constexpr const char* kSelectNewest =
    "SELECT id, name, state, verdict, reason, created_ms, started_ms, ended_ms, devices, targets, "
    "target_count, destructive, progress, errors, CASE WHEN ended_ms IS NULL THEN saved_ms END, "
    "rowid, created_by, run_id, elapsed_ns, history FROM jobs ORDER BY rowid DESC LIMIT ?";
[[nodiscard]] StoredJob row_of(sqlite3_stmt* statement);

}  // namespace spliced::store
