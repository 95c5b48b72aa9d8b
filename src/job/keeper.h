#pragma once
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "spliced/job/store.h"
#include "spliced/util/log.h"

namespace spliced::job {

// The store, for a service that goes on when it cannot write: what it did not take is kept, the newest of each job,
// until it does. Thread-safe; blocks on the disk that holds the store.
class RecordKeeper {
 public:
  RecordKeeper(JobStore& store, util::Logger& log) : store_(store), log_(log) {}

  void put(const StoredJob& record);
  void erase(const std::string& id);
  void retry();  // what is left
  // How many jobs the store has not taken in their newest state. Does not block.
  [[nodiscard]] std::size_t left() const { return count_.load(); }

 private:
  void write(const std::string& id);
  [[nodiscard]] util::Status try_to_write(const std::string& id) const;

  JobStore& store_;
  util::Logger& log_;
  std::mutex mutex_;                                      // held while the store writes: the order of records counts
  std::map<std::string, std::optional<StoredJob>> left_;  // by id; none: to be erased
  std::atomic<std::size_t> count_{0};
  bool failing_ = false;
};

}  // namespace spliced::job
