// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "database.h"
#include "spliced/store/job_store.h"
#include "spliced/util/delegate.h"

namespace spliced::store {

// Reads what is stored of jobs over a connection of its own, so that no reader waits for what is being written, and on
// a thread of its own, so that none waits for a disk that does not answer. Thread-safe. Throws std::runtime_error.
class RecordReader {
 public:
  static constexpr util::Nanos kLimit = 2 * util::kSecond;  // for each call

  explicit RecordReader(sqlite3* database) : database_(database) {}

  [[nodiscard]] std::optional<std::string> spec(const std::string& job);
  [[nodiscard]] std::optional<std::string> figures(const std::string& job, std::size_t index, int stage);
  [[nodiscard]] StoredDevice device(const std::string& job, std::size_t index);
  [[nodiscard]] bool has_used(const std::string& job);
  [[nodiscard]] std::vector<StoredEvent> events(std::uint64_t after, std::size_t limit, const std::string& job);

  // Where somebody is in a document.
  struct Place {
    std::string job;
    std::optional<std::int64_t> text;  // unknown before the first piece; 0: as the first two versions stored it
    std::int64_t number = 0;
  };
  // Appends the next piece; returns whether there is more.
  bool read(Place& place, std::string& out);

 private:
  template <class T>
  [[nodiscard]] T within_limit(std::function<T()> task);
  // These are called on the thread.
  bool read_piece(Place& place, std::string& out);
  [[nodiscard]] std::int64_t text_of(const std::string& job);
  bool read_old(const std::string& job, std::int64_t number, std::string& out);

  const std::unique_ptr<sqlite3, Close> database_;
  util::Delegate delegate_{"store-reader"};
};

// The same of one job.
[[nodiscard]] std::shared_ptr<JobRecord> record_in(std::shared_ptr<RecordReader> reader, std::string job);

}  // namespace spliced::store
