// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "job_table.h"
#include "spliced/job/service.h"

namespace spliced::job {

// Sees to it that a submission which comes twice, by a client's key or with its own id, makes one job: what was
// submitted already, and what is under way. Thread-safe.
class Submissions {
 public:
  static constexpr std::size_t kMostKeys = 65'536;
  static constexpr util::Nanos kLongestTurn = 10 * util::kSecond;  // that a repeat waits for

  // Both must outlive it.
  Submissions(store::JobStore& store, const JobTable& table) : store_(store), table_(table) {}
  [[nodiscard]] util::Status restore();  // the keys of an earlier daemon

  // A submission that nobody else carries out at the same time, as long as it is held.
  class Turn {
   public:
    Turn() = default;  // of a submission that may be repeated
    Turn(Turn&& other) noexcept : all_(std::exchange(other.all_, nullptr)), parts_(std::move(other.parts_)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (all_ != nullptr) all_->end(parts_.name);
    }
    // The job that it made when it came before; null: it did not.
    [[nodiscard]] const JobPtr& before() const { return parts_.before; }
    // What is to be kept of it, if it has a key, once it made this job.
    [[nodiscard]] std::optional<store::StoredKey> key_for(const std::string& job) const;

   private:
    friend class Submissions;
    struct Parts {
      std::string name, principal;
      Once once;
      JobPtr before;
    };
    Turn(Submissions& all, Parts parts) : all_(&all), parts_(std::move(parts)) {}
    Submissions* all_ = nullptr;
    Parts parts_;
  };
  // Errors: gone; invalid, where the key stands for another definition; exhausted; unavailable.
  [[nodiscard]] util::Result<Turn> begin(const Once& once, const std::string& principal);
  void keep(store::StoredKey key);

 private:
  using Name = std::pair<std::string, std::string>;  // principal and key
  void end(const std::string& name);
  [[nodiscard]] util::Result<JobPtr> by_id(const std::string& id) const;
  [[nodiscard]] util::Result<JobPtr> by_key(const Once& once, const std::string& principal);
  void drop_old();  // called with the lock held

  store::JobStore& store_;
  const JobTable& table_;
  std::mutex mutex_;  // guards the rest
  std::condition_variable ended_;
  std::set<std::string> under_way_;
  std::map<Name, store::StoredKey> keys_;
  std::multimap<util::WallTime, Name> by_age_;
};

}  // namespace spliced::job
