// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "spliced/store/job_store.h"
#include "texts.h"

namespace spliced::testing {

// A store in memory that tells what became of it.
class MemoryStore final : public store::JobStore {
 public:
  std::function<void(const store::StoredJob&)> before_accept, before_put, on_put;  // called without a lock
  std::atomic<bool> broken{false}, broken_cursors{false};
  std::function<void(const std::string&)> before_erase;
  std::string refused;  // id of a job that is not taken
  std::atomic<int> refusals{0};

  util::Status accept(const store::StoredJob& job) override {
    if (before_accept) before_accept(job);
    if (broken || job.id == refused) return util::fail(util::Errc::system, "the store is broken");
    if (job.key) {
      const std::lock_guard lock(mutex_);
      keys_.push_back(*job.key);
    }
    return take(job);
  }
  util::Status put(const store::StoredJob& job) override {
    if (broken || job.id == refused) {
      ++refusals;
      return util::fail(util::Errc::system, "the store is broken");
    }
    if (before_put) before_put(job);
    return take(job);
  }
  util::Status take(const store::StoredJob& job) {
    std::vector<store::StoredDevice> devices;
    if (job.results) devices = devices_of(job.results());
    {
      const std::lock_guard lock(mutex_);
      if (!jobs_.contains(job.id)) order_.push_back(job.id);
      auto& kept = jobs_[job.id];
      if (!kept.ended_at) {
        auto spec = job.spec ? job.spec : kept.spec;
        kept = job;
        kept.spec = std::move(spec);
        kept.results = nullptr;
        kept.events.clear();
        if (job.results) devices_[job.id] = std::move(devices);
        events_.insert(events_.end(), job.events.begin(), job.events.end());
      }
    }
    if (on_put) on_put(job);
    return {};
  }
  util::Status put_checkpoints(const std::vector<store::StoredCheckpoint>& checkpoints) override {
    if (broken || broken_cursors) {
      ++refusals;
      return util::fail(util::Errc::system, "the store is broken");
    }
    const std::lock_guard lock(mutex_);
    for (const auto& one : checkpoints) {
      checkpoints_[one.job][one.device] = one;
      cursors_[one.job].insert(cursors_[one.job].end(), one.cursors.begin(), one.cursors.end());
    }
    return {};
  }
  util::Result<std::vector<store::StoredCheckpoint>> checkpoints(const std::string& job) override {
    const std::lock_guard lock(mutex_);
    std::vector<store::StoredCheckpoint> out;
    for (const auto& [device, one] : checkpoints_[job]) out.push_back(one);
    return out;
  }
  // All that were put, oldest first.
  std::vector<store::StoredCursor> cursors(const std::string& job) {
    const std::lock_guard lock(mutex_);
    return cursors_[job];
  }
  util::Status put_events(const std::vector<store::StoredEvent>& events) override {
    if (broken) return util::fail(util::Errc::system, "the store is broken");
    std::map<std::string, std::list<store::StoredEvent>> by_job;  // made without the lock, whose time is measured
    for (const auto& event : events) by_job[event.job].push_back(event);
    const std::lock_guard lock(mutex_);
    for (auto& [job, of_it] : by_job) {
      if (jobs_.contains(job)) events_.splice(events_.end(), of_it);
    }
    return {};
  }
  util::Status put_figures(const std::vector<store::StoredFigures>& figures) override {
    if (broken) return util::fail(util::Errc::system, "the store is broken");
    const std::lock_guard lock(mutex_);
    for (const auto& one : figures) {
      if (jobs_.contains(one.job)) figures_[one.job][{one.device, one.stage}] = one;
    }
    return {};
  }
  util::Status erase(const std::string& id, store::Erased how) override {
    if (before_erase) before_erase(id);
    if (broken) return util::fail(util::Errc::system, "the store is broken");
    const std::lock_guard lock(mutex_);
    if (how == store::Erased::forgotten) former_.insert(id);
    if (how == store::Erased::withdrawn) std::erase_if(keys_, [&](auto& key) { return key.job == id; });
    jobs_.erase(id);
    devices_.erase(id);
    cursors_.erase(id);
    checkpoints_.erase(id);
    figures_.erase(id);
    std::erase_if(events_, [&](auto& event) { return event.job == id; });
    std::erase(order_, id);
    return {};
  }
  util::Result<bool> has_used(const std::string& id) override {
    if (broken) return util::fail(util::Errc::unavailable, "the store is broken");
    const std::lock_guard lock(mutex_);
    return jobs_.contains(id) || former_.contains(id);
  }
  util::Result<std::vector<store::StoredKey>> keys() override {
    const std::lock_guard lock(mutex_);
    return keys_;
  }
  util::Result<std::vector<store::StoredJob>> load(std::size_t limit) override {
    if (broken) return util::fail(util::Errc::system, "the store is broken");
    const std::lock_guard lock(mutex_);
    std::vector<store::StoredJob> out;
    for (std::size_t i = order_.size() - std::min(limit, order_.size()); i < order_.size(); ++i) {
      out.push_back(jobs_.at(order_[i]));
    }
    return out;
  }
  std::shared_ptr<store::JobRecord> record(const std::string& id) override {
    return std::make_shared<Record>(*this, id);
  }
  std::function<void()> after_events;  // were read; called without a lock
  std::vector<store::StoredEvent> events(std::uint64_t after, std::size_t limit, const std::string& job) override {
    auto out = read_events(after, limit, job);
    if (after_events) after_events();
    return out;
  }
  std::vector<store::StoredEvent> read_events(std::uint64_t after, std::size_t limit, const std::string& job) {
    const std::lock_guard lock(mutex_);
    std::vector<store::StoredEvent> out;
    for (const auto& event : events_) {
      if (event.id > after && out.size() < limit && (job.empty() || event.job == job)) out.push_back(event);
    }
    return out;
  }
  util::Result<std::uint64_t> last_event() override {
    const std::lock_guard lock(mutex_);
    return std::max(reserved_, events_.empty() ? 0 : events_.back().id);
  }
  util::Status reserve_events(std::uint64_t id) override {
    const std::lock_guard lock(mutex_);
    reserved_ = std::max(reserved_, id);
    return {};
  }
  // The figures of all devices of a job.
  [[nodiscard]] std::string text(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    std::string out;
    const auto found = devices_.find(id);
    if (found == devices_.end()) return out;
    for (const auto& device : found->second) out += device.figures;
    return out;
  }
  [[nodiscard]] std::optional<store::StoredJob> find(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    const auto found = jobs_.find(id);
    return found == jobs_.end() ? std::nullopt : std::optional(found->second);
  }
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return jobs_.size();
  }

 private:
  class Record final : public store::JobRecord {
   public:
    Record(const MemoryStore& store, std::string id) : store_(store), id_(std::move(id)) {}
    std::optional<std::string> spec() override {
      const auto job = store_.find(id_);
      return job ? job->spec : std::nullopt;
    }
    store::StoredDevice device(std::size_t index) override {
      const std::lock_guard lock(store_.mutex_);
      const auto found = store_.devices_.find(id_);
      if (found == store_.devices_.end() || index >= found->second.size()) return {};
      return found->second[index];
    }
    std::optional<std::string> figures(std::size_t device, int stage) override {
      const std::lock_guard lock(store_.mutex_);
      const auto found = store_.figures_.find(id_);
      if (found == store_.figures_.end()) return std::nullopt;
      const auto one = found->second.find({device, stage});
      return one == found->second.end() ? std::nullopt : std::optional(one->second.body);
    }
    util::Pieces document() override { return pieces_of(""); }

   private:
    const MemoryStore& store_;
    const std::string id_;
  };
  mutable std::mutex mutex_;
  std::map<std::string, store::StoredJob> jobs_;
  std::map<std::string, std::vector<store::StoredDevice>> devices_;
  std::list<store::StoredEvent> events_;
  std::uint64_t reserved_ = 0;
  std::set<std::string> former_;
  std::vector<store::StoredKey> keys_;
  std::map<std::string, std::vector<store::StoredCursor>> cursors_;
  std::map<std::string, std::map<std::size_t, store::StoredCheckpoint>> checkpoints_;
  std::map<std::string, std::map<std::pair<std::size_t, int>, store::StoredFigures>> figures_;
  std::vector<std::string> order_;
};

}  // namespace spliced::testing
