// SPDX-License-Identifier: Apache-2.0
#include "tuning.h"

#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <algorithm>

namespace spliced::run {

using engine::Direction;
using engine::Setting;

namespace {

// A batch saves system calls: at most a microsecond of each block. That is not worth it for a block that takes so long;
// and several workers whose blocks come in batches would make a disk with an arm go back and forth between them.
constexpr double kBatchesUpTo = 100'000;  // nanoseconds

// With what there was to choose from: a choice made when pipes were scarce is not one for other times.
std::string list_of(const std::vector<Setting>& settings) {
  std::string out;
  for (const Setting& setting : settings) out += fmt::format("{}x{},", setting.size, setting.batch);
  return out;
}

// A device that is set up anew under its old number gets a new sequence number (since Linux 5.15), so that nothing is
// remembered of the one that it was before. Files share what their file system does.
std::string key_for(Direction direction, const IoSpec& spec, const HeldTarget& target,
                    const std::vector<Setting>& settings) {
  const auto& facts = target.facts;
  std::uint64_t sequence = 0;
  if (facts.block_device && ::ioctl(target.open->fd.get(), BLKGETDISKSEQ, &sequence) != 0) sequence = 0;
  return fmt::format("{}:{} {} {} bs={} rw={} direct={} {} payload={} workers={} of={}", facts.id.device, sequence,
                     facts.file_system, engine::kDirectionNames[engine::index_of(direction)],
                     load_of(spec, direction).block, static_cast<int>(spec.workload.rw), spec.workload.direct,
                     engine::kind_of(spec.engine).key(spec.engine), static_cast<int>(spec.payload.kind),
                     spec.workload.workers, list_of(settings));
}

}  // namespace

std::vector<Setting> settings_to_try(const IoSpec& spec, Direction direction, const ResourceGrant& grant) {
  return engine::kind_of(spec.engine)
      .candidates(spec.engine, load_of(spec, direction), {grant.pipe_limit, grant.batch_limit});
}

std::size_t largest_batch(const std::vector<Setting>& settings) {
  const auto larger = [](const Setting& a, const Setting& b) { return a.batch < b.batch; };
  return std::max_element(settings.begin(), settings.end(), larger)->batch;
}

std::optional<TuningSnapshot> TuningMemory::find(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = results_.find(key);
  return found == results_.end() ? std::nullopt : std::optional(found->second);
}

void TuningMemory::put(const std::string& key, const TuningSnapshot& result) {
  const std::lock_guard lock(mutex_);
  // Which one goes hardly matters: it will be measured again.
  if (results_.size() >= kMaxEntries && !results_.contains(key)) results_.erase(results_.begin());
  results_.insert_or_assign(key, result);
}

Tuning::Tuning(Direction direction, const IoSpec& spec, const HeldTarget& target, const ResourceGrant& grant,
               TuningMemory& memory)
    : settings_(settings_to_try(spec, direction, grant)),
      block_(load_of(spec, direction).block),
      key_(key_for(direction, spec, target, settings_)),
      memory_(memory) {
  result_.direction = direction;
  result_.setting = settings_[0];
  if (settings_.size() == 1) {
    const bool asked = engine::kind_of(spec.engine).is_fixed(spec.engine);
    result_.source = asked ? TuningSource::job : TuningSource::only_choice;
    decided_ = true;
    return;
  }
  const auto known = memory.find(key_);
  if (!known) return;
  const auto at = std::find(settings_.begin(), settings_.end(), known->setting);
  if (at == settings_.end()) return;
  chosen_ = static_cast<std::size_t>(at - settings_.begin());
  result_ = *known;
  result_.source = TuningSource::remembered;
  decided_ = true;
}

TuningSnapshot Tuning::snapshot() const {
  const std::lock_guard lock(mutex_);
  return result_;
}

std::size_t Tuning::worth_trying(double nanos_per_byte) const {
  if (nanos_per_byte * static_cast<double>(block_) <= kBatchesUpTo) return settings_.size();
  const auto batched =
      std::find_if(settings_.begin(), settings_.end(), [&](auto& one) { return one.batch > settings_[0].batch; });
  return static_cast<std::size_t>(batched - settings_.begin());
}

std::size_t Tuning::largest_batch() const {
  return run::largest_batch(settings_);
}

void Tuning::decide(std::optional<std::size_t> chosen, const std::vector<double>& nanos_per_byte) {
  const std::lock_guard lock(mutex_);
  result_.setting = settings_[chosen.value_or(0)];
  result_.source = chosen ? TuningSource::measured : TuningSource::inconclusive;
  for (std::size_t i = 0; i < nanos_per_byte.size(); ++i) {
    result_.tried.push_back({settings_[i], nanos_per_byte[i] > 0 ? 1e9 / nanos_per_byte[i] : 0});
  }
  if (chosen) memory_.put(key_, result_);
  chosen_.store(chosen.value_or(0), std::memory_order_relaxed);
  decided_.store(true, std::memory_order_release);
}

}  // namespace spliced::run
