// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sqlite3.h>

#include "spliced/util/result.h"

namespace spliced::store {

// Makes the tables of a new database, brings those of an older version up to date, and sees whether they can be used.
// A newer version is refused and left alone; a damaged database is an error with the errno EUCLEAN.
[[nodiscard]] util::Status prepare_schema(sqlite3* database);

}  // namespace spliced::store
