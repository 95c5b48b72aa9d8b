// SPDX-License-Identifier: Apache-2.0
#include "database.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "spliced/util/pieces.h"

namespace spliced::store {

Statement prepare_on(sqlite3* database, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(database, sql, -1, &statement, nullptr);
  return Statement(statement);
}
void text(const Statement& statement, int index, std::string_view value) {
  sqlite3_bind_text(statement.get(), index, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT);
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

bool DocumentReader::read(Place& place, std::string& out, util::Nanos limit) {
  struct Reading {
    Place place;
    std::string piece, error;
    bool more = false;
  };
  const auto reading = std::make_shared<Reading>(Reading{place, {}, {}, false});
  const bool ended = delegate_.run(
      [this, reading] {
        try {
          reading->more = read_here(reading->place, reading->piece);
        } catch (const std::runtime_error& error) {
          reading->error = error.what();
        }
      },
      limit);
  if (!ended) throw std::runtime_error("the state directory does not answer");
  if (!reading->error.empty()) throw std::runtime_error(reading->error);
  place = std::move(reading->place);
  out += reading->piece;
  return reading->more;
}

bool DocumentReader::read_here(Place& place, std::string& out) {
  if (!place.text) place.text = text_of(place.job);
  if (*place.text == 0) return read_old(place.job, place.number++, out);
  const Statement statement =
      prepare_on(database_.get(),
                 "SELECT piece, EXISTS(SELECT 1 FROM pieces WHERE text=?1 AND number=?2+1) FROM pieces WHERE "
                 "text=?1 AND number=?2");
  if (!statement) throw error();
  sqlite3_bind_int64(statement.get(), 1, *place.text);
  sqlite3_bind_int64(statement.get(), 2, place.number++);
  if (const int step = sqlite3_step(statement.get()); step != SQLITE_ROW) {
    if (step != SQLITE_DONE) throw error();
    throw std::runtime_error("the job was forgotten while it was read");
  }
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement.get(), 0));
  if (bytes != nullptr) out.append(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement.get(), 0)));
  return sqlite3_column_int(statement.get(), 1) != 0;
}

std::int64_t DocumentReader::text_of(const std::string& job) {
  const Statement statement = prepare_on(database_.get(), "SELECT text FROM jobs WHERE id=?");
  if (!statement) throw error();
  text(statement, 1, job);
  const int step = sqlite3_step(statement.get());
  if (step == SQLITE_ROW) return sqlite3_column_int64(statement.get(), 0);
  if (step != SQLITE_DONE) throw error();
  return 0;
}

// As versions 1 and 2 stored it: in one part of any length.
bool DocumentReader::read_old(const std::string& job, std::int64_t number, std::string& out) {
  const Statement statement = prepare_on(database_.get(), "SELECT rowid FROM jobs WHERE id=?");
  if (!statement) throw error();
  text(statement, 1, job);
  if (sqlite3_step(statement.get()) != SQLITE_ROW) {
    if (number == 0) return false;
    throw std::runtime_error("the job was forgotten while it was read");
  }
  sqlite3_blob* blob = nullptr;
  const int opened = sqlite3_blob_open(database_.get(), "main", "jobs", "document",
                                       sqlite3_column_int64(statement.get(), 0), 0, &blob);
  const std::unique_ptr<sqlite3_blob, decltype(&sqlite3_blob_close)> close(blob, &sqlite3_blob_close);
  if (opened != SQLITE_OK) throw error();
  const std::int64_t size = sqlite3_blob_bytes(blob);
  const std::int64_t begin = number * static_cast<std::int64_t>(util::kPieceBytes);
  if (begin >= size) {
    if (number == 0) return false;
    throw std::runtime_error("the job's document changed while it was read");
  }
  const auto length = std::min<std::int64_t>(size - begin, static_cast<std::int64_t>(util::kPieceBytes));
  const std::size_t before = out.size();
  out.resize(before + static_cast<std::size_t>(length));
  if (sqlite3_blob_read(blob, out.data() + before, static_cast<int>(length), static_cast<int>(begin)) != SQLITE_OK) {
    throw error();
  }
  return begin + length < size;
}

std::runtime_error DocumentReader::error() const {
  return std::runtime_error(fmt::format("read a job: {}", sqlite3_errmsg(database_.get())));
}

}  // namespace spliced::store
