// SPDX-License-Identifier: Apache-2.0
#include "record_reader.h"

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>

#include "device_rows.h"
#include "key_rows.h"
#include "rows.h"

namespace spliced::store {

template <class T>
T RecordReader::within_limit(std::function<T()> task) {
  struct Reading {
    std::optional<T> value;
    std::exception_ptr failure;
  };
  const auto reading = std::make_shared<Reading>();
  const bool ended = delegate_.run(
      [reading, task = std::move(task)] {
        try {
          reading->value.emplace(task());
        } catch (const std::exception&) {
          reading->failure = std::current_exception();
        }
      },
      kLimit);
  if (!ended) throw std::runtime_error("the state directory does not answer");
  if (reading->failure) std::rethrow_exception(reading->failure);
  return std::move(*reading->value);
}

std::optional<std::string> RecordReader::spec(const std::string& job) {
  return within_limit<std::optional<std::string>>([this, job] { return read_spec(database_.get(), job); });
}

std::optional<std::string> RecordReader::figures(const std::string& job, std::size_t index, int stage) {
  return within_limit<std::optional<std::string>>(
      [this, job, index, stage] { return read_figures(database_.get(), job, index, stage); });
}

StoredDevice RecordReader::device(const std::string& job, std::size_t index) {
  return within_limit<StoredDevice>([this, job, index] { return read_device(database_.get(), job, index); });
}

bool RecordReader::has_used(const std::string& job) {
  return within_limit<bool>([this, job] { return is_used(database_.get(), job); });
}

std::vector<StoredEvent> RecordReader::events(std::uint64_t after, std::size_t limit, const std::string& job) {
  return within_limit<std::vector<StoredEvent>>(
      [this, after, limit, job] { return read_events(database_.get(), after, limit, job); });
}

bool RecordReader::read(Place& place, std::string& out) {
  struct Piece {
    Place place;
    std::string text;
    bool more = false;
  };
  Piece piece = within_limit<Piece>([this, place] {
    Piece next{place, {}, false};
    next.more = read_piece(next.place, next.text);
    return next;
  });
  place = std::move(piece.place);
  out += piece.text;
  return piece.more;
}

bool RecordReader::read_piece(Place& place, std::string& out) {
  if (!place.text) place.text = text_of(place.job);
  if (*place.text == 0) return read_old(place.job, place.number++, out);
  const Statement statement =
      prepare_on(database_.get(),
                 "SELECT piece, EXISTS(SELECT 1 FROM pieces WHERE text=?1 AND number=?2+1) FROM pieces WHERE "
                 "text=?1 AND number=?2");
  if (!statement) throw reading_error(database_.get());
  sqlite3_bind_int64(statement.get(), 1, *place.text);
  sqlite3_bind_int64(statement.get(), 2, place.number++);
  if (const int step = sqlite3_step(statement.get()); step != SQLITE_ROW) {
    if (step != SQLITE_DONE) throw reading_error(database_.get());
    throw std::runtime_error("the job was forgotten while it was read");
  }
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement.get(), 0));
  if (bytes != nullptr) out.append(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement.get(), 0)));
  return sqlite3_column_int(statement.get(), 1) != 0;
}

std::int64_t RecordReader::text_of(const std::string& job) {
  const Statement statement = prepare_on(database_.get(), "SELECT text FROM jobs WHERE id=?");
  if (!statement) throw reading_error(database_.get());
  text(statement, 1, job);
  const int step = sqlite3_step(statement.get());
  if (step == SQLITE_ROW) return sqlite3_column_int64(statement.get(), 0);
  if (step != SQLITE_DONE) throw reading_error(database_.get());
  return 0;
}

// As versions 1 and 2 stored it: in one part of any length.
bool RecordReader::read_old(const std::string& job, std::int64_t number, std::string& out) {
  const Statement statement = prepare_on(database_.get(), "SELECT rowid FROM jobs WHERE id=?");
  if (!statement) throw reading_error(database_.get());
  text(statement, 1, job);
  if (sqlite3_step(statement.get()) != SQLITE_ROW) {
    if (number == 0) return false;
    throw std::runtime_error("the job was forgotten while it was read");
  }
  sqlite3_blob* blob = nullptr;
  const int opened = sqlite3_blob_open(database_.get(), "main", "jobs", "document",
                                       sqlite3_column_int64(statement.get(), 0), 0, &blob);
  const std::unique_ptr<sqlite3_blob, decltype(&sqlite3_blob_close)> close(blob, &sqlite3_blob_close);
  if (opened != SQLITE_OK) throw reading_error(database_.get());
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
    throw reading_error(database_.get());
  }
  return begin + length < size;
}

namespace {

class StoredRecord final : public JobRecord {
 public:
  StoredRecord(std::shared_ptr<RecordReader> reader, std::string job)
      : reader_(std::move(reader)), job_(std::move(job)) {}
  std::optional<std::string> spec() override { return reader_->spec(job_); }
  StoredDevice device(std::size_t index) override { return reader_->device(job_, index); }
  std::optional<std::string> figures(std::size_t device, int stage) override {
    return reader_->figures(job_, device, stage);
  }
  util::Pieces document() override {
    return [reader = reader_, place = RecordReader::Place{job_, {}, 0}](std::string& out) mutable {
      return reader->read(place, out);
    };
  }

 private:
  const std::shared_ptr<RecordReader> reader_;  // whoever reads may outlive the store
  const std::string job_;
};

}  // namespace

std::shared_ptr<JobRecord> record_in(std::shared_ptr<RecordReader> reader, std::string job) {
  return std::make_shared<StoredRecord>(std::move(reader), std::move(job));
}

}  // namespace spliced::store
