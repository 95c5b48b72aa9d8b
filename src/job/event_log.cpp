// SPDX-License-Identifier: Apache-2.0
#include "event_log.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "spliced/util/names.h"

namespace spliced::job {

namespace {

// More than a daemon gives between two writes of the store.
constexpr std::uint64_t kGap = 1 << 20;
constexpr int kBitsPerSecond = 16;

Event event_of(const store::StoredEvent& row) {
  return {row.id,
          row.at,
          util::named(kEventKindNames, row.kind, EventKind::state),
          row.job,
          util::named(kStateNames, row.state, State::interrupted),
          util::named(kVerdictNames, row.verdict, Verdict::none),
          row.text,
          {row.device, row.stage, row.offset, row.what}};
}

}  // namespace

util::Status EventLog::restore() {
  const auto stored = store_.last_event();
  if (!stored) return tl::unexpected(stored.error());
  // Beyond those of another database, too, that was set aside.
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  const auto by_clock = static_cast<std::uint64_t>(std::max<std::int64_t>(
                            0, std::chrono::duration_cast<std::chrono::seconds>(since_epoch).count()))
                        << kBitsPerSecond;
  const std::uint64_t first = std::max(*stored + kGap, by_clock);
  if (auto status = store_.reserve_events(first); !status) return status;
  const std::lock_guard lock(mutex_);
  next_ = first + 1;
  last_ = before_ = first;
  return {};
}

Event EventLog::make(EventKind kind, std::string job, State state, Verdict verdict, std::string reason) {
  const std::lock_guard lock(mutex_);
  return {next_++, std::chrono::system_clock::now(), kind, std::move(job), state, verdict, std::move(reason)};
}

store::StoredEvent EventLog::row_of(const Event& event) {
  return {event.id,
          event.at,
          event.job,
          std::string(kEventKindNames[static_cast<std::size_t>(event.kind)]),
          std::string(state_name(event.state)),
          std::string(kVerdictNames[static_cast<std::size_t>(event.verdict)]),
          event.reason,
          event.place.device,
          event.place.stage,
          event.place.offset,
          event.place.what};
}

void EventLog::publish(const Event& event) {
  std::vector<std::shared_ptr<Listener>> listeners;
  {
    const std::lock_guard lock(mutex_);
    recent_.push_back(event);
    last_ = event.id;
    if (recent_.size() > room_) {
      before_ = recent_.front().id;
      recent_.pop_front();
    }
    std::erase_if(listeners_, [](auto& one) { return one.expired(); });
    for (const auto& one : listeners_) listeners.push_back(one.lock());
  }
  for (const auto& one : listeners) {
    if (one) (*one)(event);
  }
}

EventPage EventLog::recent(std::uint64_t after, std::size_t limit, const std::string& job) const {
  const std::lock_guard lock(mutex_);
  EventPage out;
  out.missed = after < before_;
  auto event = std::upper_bound(recent_.begin(), recent_.end(), after,
                                [](std::uint64_t id, const Event& one) { return id < one.id; });
  for (; event != recent_.end() && out.events.size() < limit; ++event) {
    if (job.empty() || event->job == job) out.events.push_back(*event);
  }
  return out;
}

util::Result<EventPage> EventLog::read(std::uint64_t after, std::size_t limit, const std::string& job) const {
  EventPage out = recent(after, limit, job);
  if (!out.missed) return out;
  std::vector<store::StoredEvent> rows;
  try {
    rows = store_.events(after, limit, job);
  } catch (const std::exception& error) {
    return util::fail(util::Errc::unavailable, error.what());
  }
  // What the store has of those in memory is left out, and they come when all before them have been told.
  const std::uint64_t first = out.events.empty() ? last() + 1 : out.events.front().id;
  EventPage stored;
  for (const auto& row : rows) {
    if (row.id < first) stored.events.push_back(event_of(row));
  }
  if (rows.size() == limit && stored.events.size() == limit) return stored;
  for (Event& event : out.events) {
    if (stored.events.size() < limit) stored.events.push_back(std::move(event));
  }
  return stored;
}

std::uint64_t EventLog::last() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

std::shared_ptr<void> EventLog::subscribe(Listener listener) {
  auto out = std::make_shared<Listener>(std::move(listener));
  const std::lock_guard lock(mutex_);
  listeners_.push_back(out);
  return out;
}

}  // namespace spliced::job
