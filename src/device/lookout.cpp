// SPDX-License-Identifier: Apache-2.0
#include "spliced/device/lookout.h"

#include <fmt/format.h>

#include <system_error>

namespace spliced::device {

using util::Nanos;

tl::unexpected<util::Error> does_not_answer(const std::string& what, Nanos since) {
  const double seconds = static_cast<double>(util::system_clock().now() - since) / 1e9;
  return util::refuse(util::Reason::hung,
                      fmt::format("{} does not answer: a look at it has not come back for {:.1f} s", what, seconds));
}

util::Result<Looks::Ticket> Looks::begin(const std::string& key, const std::string& what, Nanos until, Nanos patience) {
  std::unique_lock lock(mutex_);
  Entry& entry = entries_[key];  // stays where it is as long as somebody waits
  ++entry.waiting;
  while (entry.active) {
    const Nanos now = util::system_clock().now();
    const Nanos end = std::min(until, entry.since + patience);
    if (now >= end) break;
    ended_.wait_for(lock, std::chrono::nanoseconds(end - now));
  }
  --entry.waiting;
  if (entry.active) return does_not_answer(what, entry.since);
  entry.active = true;
  entry.since = util::system_clock().now();
  return Ticket(this, key);
}

void Looks::end(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  found->second.active = false;
  if (found->second.waiting == 0) entries_.erase(found);
  ended_.notify_all();
}

util::Result<DeviceThreadPtr> Lookout::thread_for(const std::string& what) {
  const auto held = threads_.held_for(kLimit);
  if (held.size() >= kMaxLooks) {
    return util::fail(util::Errc::exhausted, fmt::format("{} devices do not answer, {} among them; no other can be "
                                                         "looked at until one does",
                                                         held.size(), held.front().what));
  }
  try {
    return threads_.lend(what);
  } catch (const std::system_error& error) {
    return util::fail(util::Errc::exhausted, fmt::format("there is no thread to look at {}: {}", what, error.what()));
  }
}

}  // namespace spliced::device
