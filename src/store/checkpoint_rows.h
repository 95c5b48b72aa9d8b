// SPDX-License-Identifier: Apache-2.0
// The rows of how far devices have come. A connection is used by one thread at a time.
#pragma once
#include <sqlite3.h>

#include <string>
#include <vector>

#include "spliced/store/job_store.h"

namespace spliced::store {

[[nodiscard]] util::Status put_checkpoint(sqlite3* database, const StoredCheckpoint& checkpoint);
[[nodiscard]] util::Result<std::vector<StoredCheckpoint>> read_checkpoints(sqlite3* database, const std::string& job);
[[nodiscard]] util::Status erase_checkpoints(sqlite3* database, const std::string& job);

}  // namespace spliced::store
