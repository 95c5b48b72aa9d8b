// SPDX-License-Identifier: Apache-2.0
// The rows that tell what was submitted already: keys of clients, and ids of jobs that are gone. A connection is used
// by one thread at a time.
#pragma once
#include <sqlite3.h>

#include <string>
#include <vector>

#include "spliced/store/job_store.h"

namespace spliced::store {

// Drops those that are too old by then.
[[nodiscard]] util::Status put_key(sqlite3* database, const StoredKey& key);
[[nodiscard]] util::Result<std::vector<StoredKey>> read_keys(sqlite3* database);

[[nodiscard]] util::Status note_former(sqlite3* database, const std::string& job);
// Of a job that is there, too. Throws std::runtime_error.
[[nodiscard]] bool is_used(sqlite3* database, const std::string& job);

}  // namespace spliced::store
