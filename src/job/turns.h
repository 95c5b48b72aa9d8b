// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "job_table.h"

namespace spliced::job {

// Gives devices that wait their turn: those of jobs in the queue, and those of jobs that an earlier daemon began.
//
// So many devices are worked on at a time as the limit says. Whose turn it is: of the principals with a device that
// could begin, the one with the fewest at work; of these devices, that of the oldest job, and of those the first. A
// device that cannot begin yet (another job has it, or it is not here) keeps nobody else from his turn; but no job gets
// a device that an older one waits for. Thread-safe.
class Turns {
 public:
  // What became of a device whose turn it was.
  enum class Outcome : std::uint8_t {
    begun,
    later,  // it is to be tried again
    ended,  // it never will begin
  };
  struct Setup {
    util::Clock& clock;
    std::size_t most_devices;  // that are worked on at a time; 0: any number
    JobTable& table;
    // Has a device of a job begin; called from threads of this, which it may block for a while.
    std::function<Outcome(const JobPtr& job, std::size_t device)> begin;
    // The other job that has a target, "" for none.
    std::function<std::string(const device::TargetFacts&)> holder;
    std::function<bool()> accepting;
  };
  static constexpr util::Nanos kTryAgain = 10 * util::kSecond;  // for a device that could not begin
  static constexpr std::size_t kMostStarting = 16;              // at the same time

  explicit Turns(Setup setup) : setup_(std::move(setup)) {}
  ~Turns() { stop(); }
  // From now on devices that wait have their turn; a daemon of which none ever waits needs no thread for that. Throws
  // std::system_error when there is none to be had.
  void begin();
  void wake();  // something has changed
  void stop();  // no device begins any more; waits for those that are at it

  // So many devices of a new job, which are about to begin without waiting; given back by the destructor, when they
  // are among the jobs.
  class Places {
   public:
    explicit Places(Turns& turns, std::size_t count) : turns_(&turns), count_(count) {}
    Places(Places&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)), count_(other.count_) {}
    Places& operator=(Places&&) = delete;
    ~Places() {
      if (turns_ != nullptr) turns_->give_back(count_);
    }

   private:
    Turns* turns_;
    std::size_t count_;
  };
  // None: there is no room for all of them, or others wait for it.
  [[nodiscard]] std::optional<Places> take_places(std::size_t count);
  // A target that a job waits for, or for a disk that it shares.
  struct Awaited {
    std::size_t target = 0;  // its place among those that were asked for
    std::string job;
  };
  // The first of these; none: no job waits for any.
  [[nodiscard]] std::optional<Awaited> first_awaited(const std::vector<device::TargetFacts>& targets) const;
  [[nodiscard]] std::size_t waiting() const;  // jobs of which no device has begun

 private:
  using Key = std::pair<std::string, std::size_t>;
  struct Waiting {
    JobPtr job;
    std::size_t device;
    std::shared_ptr<run::IdleRun> run;
  };
  struct Census {
    std::vector<Waiting> waiting;                // the oldest first
    std::map<std::string, std::size_t> at_work;  // devices, by principal
    std::size_t in_all = 0;
    std::set<Key> begun;  // of those that were asked for, which are among them
  };
  struct Count {
    Census all;
    std::size_t taken = 0;
    std::map<Key, std::string> starting;
  };
  void run(const std::stop_token& stop);
  [[nodiscard]] Census census(const std::map<Key, std::string>& starting = {}) const;
  [[nodiscard]] Count count() const;
  [[nodiscard]] bool has_room(const Count& count, std::size_t more) const;
  [[nodiscard]] bool give_one();
  [[nodiscard]] std::string obstacle(const Census& all, std::size_t index, util::Nanos now) const;
  void tell(const Census& all, util::Nanos now);
  void forget_those_that_are_gone(const Census& all);
  void start(const Waiting& whose);
  void ended(const Key& key, Outcome outcome);
  void give_back(std::size_t count);
  void reap();

  const Setup setup_;
  std::mutex deciding_;       // held by who counts what is used, until what it takes is counted, too; before the next
  mutable std::mutex mutex_;  // guards the rest
  std::condition_variable_any changed_;
  bool woken_ = false;
  std::size_t taken_ = 0;                // places of jobs that are about to begin
  std::map<Key, std::string> starting_;  // whose principal
  std::map<Key, util::Nanos> not_before_;
  struct Starter {
    std::jthread thread;
    bool done = false;
  };
  std::list<Starter> starters_;
  std::jthread thread_;  // last
};

}  // namespace spliced::job
