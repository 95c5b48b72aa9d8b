// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "spliced/store/job_store.h"
#include "texts.h"

namespace spliced::testing {

// A store in memory that tells what became of it.
class MemoryStore final : public store::JobStore {
 public:
  std::function<void(const store::StoredJob&)> before_accept, before_put, on_put;  // called without a lock
  std::atomic<bool> broken{false};
  std::function<void(const std::string&)> before_erase;
  std::string refused;  // id of a job that is not taken
  std::atomic<int> refusals{0};

  util::Status accept(const store::StoredJob& job) override {
    if (before_accept) before_accept(job);
    if (broken || job.id == refused) return util::fail(util::Errc::system, "the store is broken");
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
    const std::string text = job.document ? text_of(job.document()) : "";
    {
      const std::lock_guard lock(mutex_);
      if (!jobs_.contains(job.id)) order_.push_back(job.id);
      if (!jobs_[job.id].ended_at) {
        jobs_[job.id] = job;
        jobs_[job.id].document = nullptr;
        if (job.document) texts_[job.id] = text;
      }
    }
    if (on_put) on_put(job);
    return {};
  }
  util::Status erase(const std::string& id) override {
    if (before_erase) before_erase(id);
    if (broken) return util::fail(util::Errc::system, "the store is broken");
    const std::lock_guard lock(mutex_);
    jobs_.erase(id);
    texts_.erase(id);
    std::erase(order_, id);
    return {};
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
  util::Pieces document(const std::string& id) override { return pieces_of(text(id)); }
  [[nodiscard]] std::string text(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    const auto found = texts_.find(id);
    return found == texts_.end() ? "" : found->second;
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
  mutable std::mutex mutex_;
  std::map<std::string, store::StoredJob> jobs_;
  std::map<std::string, std::string> texts_;
  std::vector<std::string> order_;
};

}  // namespace spliced::testing
