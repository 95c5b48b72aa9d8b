// SPDX-License-Identifier: Apache-2.0
#include "turns.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "spliced/device/identity.h"
#include "spliced/util/threads.h"

namespace spliced::job {

using util::Nanos;

namespace {

constexpr auto kTurnRound = std::chrono::milliseconds(500);

// Of a device that an earlier daemon worked on, what it stands on is not known before it is looked at.
bool may_share(const device::TargetFacts& a, const device::TargetFacts& b) {
  const std::string number = device::known_by(a.info);
  return a.path == b.path || device::share_a_disk(a, b) || (!number.empty() && number == device::known_by(b.info));
}

}  // namespace

void Turns::begin() {
  const std::lock_guard lock(mutex_);
  if (!thread_.joinable()) thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void Turns::wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  changed_.notify_all();
}

void Turns::stop() {
  std::jthread thread;
  {
    const std::lock_guard lock(mutex_);
    std::swap(thread, thread_);
  }
  if (!thread.joinable()) return;
  thread.request_stop();
  wake();
  thread.join();
  std::list<Starter> left;
  {
    const std::lock_guard lock(mutex_);
    std::swap(left, starters_);
  }
}

void Turns::run(const std::stop_token& stop) {
  util::name_this_thread("turns");
  while (!stop.stop_requested()) {
    while (!stop.stop_requested() && setup_.accepting() && give_one()) {
    }
    tell(census(), setup_.clock.now());
    reap();
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, kTurnRound, [this] { return woken_; });
    woken_ = false;
  }
}

void Turns::reap() {
  std::list<Starter> done;
  const std::lock_guard lock(mutex_);
  for (auto it = starters_.begin(); it != starters_.end();) {
    auto next = std::next(it);
    if (it->done) done.splice(done.end(), starters_, it);
    it = next;
  }
}

// A device that is stalled is at work until it comes back.
Turns::Census Turns::census(const std::map<Key, std::string>& starting) const {
  Census out;
  for (const JobPtr& job : setup_.table.active()) {
    const Job::Watched seen = job->watched();
    const bool goes_on = seen.state != State::stopping && !seen.leaves && !is_final(seen.state);
    for (std::size_t i = 0; i < seen.runs.size(); ++i) {
      if (seen.runs[i]->live()) {
        if (seen.runs[i]->finished() && seen.state != State::pending) continue;
        ++out.at_work[job->created_by()];
        ++out.in_all;
        if (Key key{job->id(), i}; starting.contains(key)) out.begun.insert(std::move(key));
      } else if (auto idle = std::dynamic_pointer_cast<run::IdleRun>(seen.runs[i]); idle && idle->waits() && goes_on) {
        out.waiting.push_back({job, i, std::move(idle)});
      }
    }
  }
  std::stable_sort(out.waiting.begin(), out.waiting.end(),
                   [](const Waiting& a, const Waiting& b) { return a.job->sequence() < b.job->sequence(); });
  return out;
}

// What keeps a device from beginning, but for the places; "" if nothing does.
std::string Turns::obstacle(const Census& all, std::size_t index, Nanos now) const {
  const Waiting& one = all.waiting[index];
  for (std::size_t i = 0; i < index; ++i) {
    const Waiting& before = all.waiting[i];
    if (before.job == one.job || !may_share(before.run->facts(), one.run->facts())) continue;
    return fmt::format("job {} waits for {}, too, and comes first", before.job->id(), one.run->facts().name);
  }
  if (const std::string holder = setup_.holder(one.run->facts()); !holder.empty() && holder != one.job->id()) {
    return fmt::format("job {} has {}", holder, one.run->facts().name);
  }
  const std::lock_guard lock(mutex_);
  const auto again = not_before_.find({one.job->id(), one.device});
  if (again == not_before_.end() || now >= again->second) return "";
  const std::string why = one.run->reason();
  return why.empty() ? "it could not begin" : why;
}

// Called by who holds deciding_. What is about to begin is read before the others are counted: it may be among them by
// then, and is never left out.
Turns::Count Turns::count() const {
  Count out;
  {
    const std::lock_guard lock(mutex_);
    out.taken = taken_;
    out.starting = starting_;
  }
  out.all = census(out.starting);
  std::erase_if(out.starting, [&](const auto& one) { return out.all.begun.contains(one.first); });
  for (const auto& [key, whose] : out.starting) ++out.all.at_work[whose];
  return out;
}

bool Turns::has_room(const Count& count, std::size_t more) const {
  const std::size_t used = count.all.in_all + count.taken + count.starting.size();
  return setup_.most_devices == 0 || used + more <= setup_.most_devices;
}

// Whether a device began to begin.
bool Turns::give_one() {
  const std::lock_guard one_at_a_time(deciding_);
  Count count = this->count();
  if (!has_room(count, 1) || count.starting.size() >= kMostStarting) return false;
  const Nanos now = setup_.clock.now();
  const Waiting* next = nullptr;
  auto& at_work = count.all.at_work;
  for (std::size_t i = 0; i < count.all.waiting.size(); ++i) {
    const Waiting& one = count.all.waiting[i];
    if (count.starting.contains({one.job->id(), one.device})) continue;
    if (next != nullptr && at_work[one.job->created_by()] >= at_work[next->job->created_by()]) continue;
    if (!obstacle(count.all, i, now).empty()) continue;
    next = &one;
  }
  if (next == nullptr) return false;
  start(*next);
  return true;
}

// Without a thread for it the device waits.
void Turns::start(const Waiting& whose) {
  const Key key{whose.job->id(), whose.device};
  const std::lock_guard lock(mutex_);
  starting_.emplace(key, whose.job->created_by());
  Starter& starter = starters_.emplace_back();
  try {
    starter.thread = std::jthread([this, key, job = whose.job, &done = starter.done] {
      util::name_this_thread("turn");
      const Outcome outcome = setup_.begin(job, key.second);
      const std::lock_guard finished(mutex_);
      ended(key, outcome);
      done = true;
    });
  } catch (const std::system_error& error) {
    starters_.pop_back();
    whose.run->set_reason(fmt::format("cannot start a thread: {}", error.what()));
    ended(key, Outcome::later);
  }
}

// Called with the lock held.
void Turns::ended(const Key& key, Outcome outcome) {
  starting_.erase(key);
  not_before_.erase(key);
  if (outcome == Outcome::later) not_before_[key] = setup_.clock.now() + kTryAgain;
  woken_ = true;
  changed_.notify_all();
}

void Turns::forget_those_that_are_gone(const Census& all) {
  std::set<Key> known;
  for (const Waiting& one : all.waiting) known.emplace(one.job->id(), one.device);
  const std::lock_guard lock(mutex_);
  std::erase_if(not_before_, [&](const auto& entry) { return !known.contains(entry.first); });
}

// Where each job stands, and why.
void Turns::tell(const Census& all, Nanos now) {
  forget_those_that_are_gone(all);
  std::size_t position = 0;
  const Job* last = nullptr;
  for (std::size_t i = 0; i < all.waiting.size(); ++i) {
    const Waiting& one = all.waiting[i];
    std::string why = obstacle(all, i, now);
    if (why.empty()) {
      why = setup_.most_devices == 0
                ? "it begins"
                : fmt::format("{} of at most {} devices are worked on", all.in_all, setup_.most_devices);
    }
    one.run->set_reason(why);
    if (one.job.get() == last) continue;
    last = one.job.get();
    one.job->set_waiting(one.job->state() == State::queued ? ++position : 0, why);
  }
}

std::optional<Turns::Places> Turns::take_places(std::size_t count) {
  if (setup_.most_devices == 0) return Places(*this, 0);
  const std::lock_guard one_at_a_time(deciding_);
  const Count before = this->count();
  if (!has_room(before, count)) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const bool others_wait = std::any_of(before.all.waiting.begin(), before.all.waiting.end(), [&](const Waiting& one) {
    return !not_before_.contains({one.job->id(), one.device});
  });
  if (others_wait) return std::nullopt;
  taken_ += count;
  return Places(*this, count);
}

void Turns::give_back(std::size_t count) {
  const std::lock_guard lock(mutex_);
  taken_ -= count;
}

std::optional<Turns::Awaited> Turns::first_awaited(const std::vector<device::TargetFacts>& targets) const {
  const Census all = census();
  for (std::size_t i = 0; i < targets.size() && !all.waiting.empty(); ++i) {
    for (const Waiting& one : all.waiting) {
      if (may_share(one.run->facts(), targets[i])) return Awaited{i, one.job->id()};
    }
  }
  return std::nullopt;
}

std::size_t Turns::waiting() const {
  const auto active = setup_.table.active();
  return static_cast<std::size_t>(
      std::count_if(active.begin(), active.end(), [](const JobPtr& job) { return job->state() == State::queued; }));
}

}  // namespace spliced::job
