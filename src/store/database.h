// SPDX-License-Identifier: Apache-2.0
// What every user of the state database needs of SQLite, and the reader of documents. Not thread-safe, but for that.
#pragma once
#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "spliced/util/clock.h"
#include "spliced/util/delegate.h"
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
// Binds a text.
void text(const Statement& statement, int index, std::string_view value);
// The text of a column; "" for NULL.
[[nodiscard]] std::string column(sqlite3_stmt* statement, int index);

// What SQLite says of its last failure, as an error that begins with what was to be done; EUCLEAN where it says that
// the database is damaged.
[[nodiscard]] util::Status error_of(sqlite3* database, const char* what);
[[nodiscard]] util::Status damaged(std::string_view how);
// Executes statements; rolls back the transaction that they may have begun when one fails.
[[nodiscard]] util::Status execute_on(sqlite3* database, const char* sql, const char* what);

// Reads documents over a connection of its own, so that no reader waits for a long document to be written, and on a
// thread of its own, so that none waits for a disk that does not answer. Thread-safe. Throws std::runtime_error.
class DocumentReader {
 public:
  static constexpr util::Nanos kLimit = 2 * util::kSecond;  // for one piece

  explicit DocumentReader(sqlite3* database) : database_(database) {}

  // Where somebody is in a document.
  struct Place {
    std::string job;
    std::optional<std::int64_t> text;  // unknown before the first piece; 0: as earlier versions stored it
    std::int64_t number = 0;
  };
  // Appends the next piece; returns whether there is more.
  bool read(Place& place, std::string& out, util::Nanos limit = kLimit);

 private:
  // These are called on the thread.
  bool read_here(Place& place, std::string& out);
  [[nodiscard]] std::int64_t text_of(const std::string& job);
  bool read_old(const std::string& job, std::int64_t number, std::string& out);
  [[nodiscard]] std::runtime_error error() const;

  const std::unique_ptr<sqlite3, Close> database_;
  util::Delegate delegate_{"store-reader"};
};

}  // namespace spliced::store
