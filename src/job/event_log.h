// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "spliced/job/event.h"
#include "spliced/store/job_store.h"

namespace spliced::job {

// What happened to all jobs, in its order, for any number of readers, who come back for what is new as they please: the
// newest events in memory, the others as rows of the store. Thread-safe.
class EventLog {
 public:
  static constexpr std::size_t kRecent = 4096;  // events in memory
  using Listener = std::function<void(const Event&)>;

  // Must outlive it.
  explicit EventLog(store::JobStore& store, std::size_t recent = kRecent) : store_(store), room_(recent) {}

  // Ids go on after all that an earlier daemon may have given, of some of which the store does not know. Before any
  // event.
  [[nodiscard]] util::Status restore();
  // An event that nobody has heard of yet: it gets its id, and is to be stored and then published in this order.
  [[nodiscard]] Event make(EventKind kind, std::string job, State state, Verdict verdict, std::string reason);
  [[nodiscard]] static store::StoredEvent row_of(const Event& event);
  void publish(const Event& event);

  // Those after the one with that id, of one job or (with "") of all, at most `limit`. Does not block.
  [[nodiscard]] EventPage recent(std::uint64_t after, std::size_t limit, const std::string& job = "") const;
  // The same, with what only the store has, in bounded time; what it does not have, of jobs that were forgotten, is not
  // missed. Error: unavailable.
  [[nodiscard]] util::Result<EventPage> read(std::uint64_t after, std::size_t limit, const std::string& job = "") const;
  [[nodiscard]] std::uint64_t last()
      const;  // the id of the newest that was published, or of none before the first of them

  // Calls `listener` with each event from now on, on the thread that publishes it and without a lock, as long as the
  // caller holds what is returned: it must not block, nor let go of that.
  [[nodiscard]] std::shared_ptr<void> subscribe(Listener listener);

 private:
  store::JobStore& store_;
  const std::size_t room_;
  mutable std::mutex mutex_;  // guards the rest, for moments
  std::uint64_t next_ = 1;
  std::uint64_t last_ = 0;
  std::uint64_t before_ = 0;  // the newest that is not in memory
  std::deque<Event> recent_;  // oldest first
  std::vector<std::weak_ptr<Listener>> listeners_;
};

}  // namespace spliced::job
