// SPDX-License-Identifier: Apache-2.0
#include "submissions.h"

#include <fmt/format.h>

namespace spliced::job {

using util::Errc;
using util::fail;
using util::Result;

namespace {

// Neither a principal nor a UUID has a line end in it.
std::string name_of(const Once& once, const std::string& principal) {
  if (!once.id.empty()) return once.id;
  return once.key.empty() ? "" : principal + "\n" + once.key;
}

tl::unexpected<util::Error> forgotten(const std::string& job) {
  return util::refuse(util::Reason::gone, fmt::format("there was a job {}, which was forgotten", job));
}

}  // namespace

util::Status Submissions::restore() {
  auto stored = store_.keys();
  if (!stored) return tl::unexpected(stored.error());
  for (auto& key : *stored) keep(std::move(key));
  return {};
}

std::optional<store::StoredKey> Submissions::Turn::key_for(const std::string& job) const {
  if (parts_.once.key.empty()) return std::nullopt;
  return store::StoredKey{parts_.principal, parts_.once.key, parts_.once.digest, job, std::chrono::system_clock::now()};
}

Result<Submissions::Turn> Submissions::begin(const Once& once, const std::string& principal) {
  std::string name = name_of(once, principal);
  if (name.empty()) return Turn();
  std::unique_lock lock(mutex_);
  const auto is_free = [&] { return !under_way_.contains(name); };
  if (!ended_.wait_for(lock, std::chrono::nanoseconds(kLongestTurn), is_free)) {
    return fail(Errc::unavailable, "the same submission is still under way");
  }
  under_way_.insert(name);
  lock.unlock();
  Turn turn(*this, {std::move(name), principal, once, nullptr});
  auto before = once.id.empty() ? by_key(once, principal) : by_id(once.id);
  if (!before) return tl::unexpected(before.error());
  turn.parts_.before = std::move(*before);
  return turn;
}

void Submissions::end(const std::string& name) {
  const std::lock_guard lock(mutex_);
  under_way_.erase(name);
  ended_.notify_all();
}

Result<JobPtr> Submissions::by_id(const std::string& id) const {
  if (JobPtr job = table_.find(id)) return job;
  const auto used = store_.has_used(id);
  if (!used) return tl::unexpected(used.error());
  if (*used) return forgotten(id);
  return JobPtr();
}

Result<JobPtr> Submissions::by_key(const Once& once, const std::string& principal) {
  const std::lock_guard lock(mutex_);
  drop_old();
  const auto found = keys_.find({principal, once.key});
  if (found == keys_.end()) {
    if (keys_.size() < kMostKeys) return JobPtr();
    return fail(Errc::exhausted, fmt::format("there are {} keys of the last day; that is the limit", kMostKeys));
  }
  const store::StoredKey& key = found->second;
  if (key.digest != once.digest) {
    return util::refuse(util::Reason::key_reused,
                        fmt::format("Idempotency-Key \"{}\" stands for another job definition, that of job {}; a new "
                                    "submission needs a key of its own",
                                    once.key, key.job));
  }
  if (JobPtr job = table_.find(key.job)) return job;
  return forgotten(key.job);
}

void Submissions::keep(store::StoredKey key) {
  const std::lock_guard lock(mutex_);
  Name name{key.principal, key.key};
  by_age_.emplace(key.at, name);
  keys_.insert_or_assign(std::move(name), std::move(key));
}

void Submissions::drop_old() {
  const util::WallTime since = std::chrono::system_clock::now() - store::kKeyLife;
  while (!by_age_.empty() && by_age_.begin()->first < since) {
    const auto found = keys_.find(by_age_.begin()->second);
    if (found != keys_.end() && found->second.at == by_age_.begin()->first) keys_.erase(found);
    by_age_.erase(by_age_.begin());
  }
}

}  // namespace spliced::job
