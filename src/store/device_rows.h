// SPDX-License-Identifier: Apache-2.0
// The rows of a job's devices, written and read. A connection is used by one thread at a time.
#pragma once
#include <sqlite3.h>

#include <cstddef>
#include <string>

#include "spliced/store/job_store.h"

namespace spliced::store {

// The device at that place among those of the job; rows that are as they were are not written again.
[[nodiscard]] util::Status put_device(sqlite3* database, const std::string& job, std::size_t index,
                                      const StoredDevice& device);
// Empty where nothing is stored of it. Throws std::runtime_error; also when there is no such job.
[[nodiscard]] util::Status put_figures(sqlite3* database, const StoredFigures& figures);
[[nodiscard]] std::optional<std::string> read_figures(sqlite3* database, const std::string& job, std::size_t index,
                                                      int stage);
[[nodiscard]] StoredDevice read_device(sqlite3* database, const std::string& job, std::size_t index);

}  // namespace spliced::store
