// SPDX-License-Identifier: Apache-2.0
// Where a job leaves it open how its engine is driven: which settings there are to choose from, which one was chosen
// and why, and what is remembered of earlier jobs.
#pragma once
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "device_plan.h"
#include "spliced/engine/kind.h"
#include "spliced/run/io_spec.h"
#include "spliced/run/snapshot.h"

namespace spliced::run {

// The settings worth trying for one direction of a job, the one to fall back to first. They keep to the grant, unless
// the job itself asks for more.
[[nodiscard]] std::vector<engine::Setting> settings_to_try(const IoSpec& spec, engine::Direction direction,
                                                           const ResourceGrant& grant);
[[nodiscard]] std::size_t largest_batch(const std::vector<engine::Setting>& settings);

// What is known of devices that earlier jobs ran on. Thread-safe.
class TuningMemory {
 public:
  static constexpr std::size_t kMaxEntries = 4096;

  [[nodiscard]] std::optional<TuningSnapshot> find(const std::string& key) const;
  void put(const std::string& key, const TuningSnapshot& result);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, TuningSnapshot> results_;
};

// One direction of one device under one job. Decided at once, or by the one worker that tries the settings out.
class Tuning {
 public:
  // `memory` outlives it.
  Tuning(engine::Direction direction, const IoSpec& spec, const HeldTarget& target, const ResourceGrant& grant,
         TuningMemory& memory);

  // Any thread.
  [[nodiscard]] bool decided() const { return decided_.load(std::memory_order_acquire); }
  [[nodiscard]] engine::Setting setting() const { return settings_[chosen_.load(std::memory_order_relaxed)]; }
  [[nodiscard]] TuningSnapshot snapshot() const;
  [[nodiscard]] const std::vector<engine::Setting>& settings() const { return settings_; }
  [[nodiscard]] std::size_t largest_batch() const;

  // How many of the settings are worth trying where the first takes so many nanoseconds for a byte.
  [[nodiscard]] std::size_t worth_trying(double nanos_per_byte) const;

  // All workers go along with what is tried: what is best for one may not be when all do it.
  void try_out(std::size_t candidate) { chosen_.store(candidate, std::memory_order_relaxed); }
  // Ends the choice: with none, it is the first setting, and nothing is remembered. `nanos_per_byte` of the settings
  // that were tried.
  void decide(std::optional<std::size_t> chosen, const std::vector<double>& nanos_per_byte);

 private:
  const std::vector<engine::Setting> settings_;
  const std::uint64_t block_;  // bytes
  const std::string key_;
  TuningMemory& memory_;
  std::atomic<std::size_t> chosen_{0};
  std::atomic<bool> decided_{false};
  mutable std::mutex mutex_;  // guards result_
  TuningSnapshot result_;
};

}  // namespace spliced::run
