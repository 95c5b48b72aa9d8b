// SPDX-License-Identifier: Apache-2.0
#include "tuning.h"

#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <bit>

namespace spliced::job {

using engine::Direction;
using engine::PipeSetting;

namespace {

// From what a pipe has from the start (pipe(7)), which stays in a CPU's cache, to what an unprivileged user may have.
constexpr std::array<std::uint64_t, 4> kPipes{64 * 1024, 128 * 1024, 256 * 1024, kMaxAutoPipe};
// A pipe that may not grow any further is still given this much by the kernel (PIPE_MIN_DEF_BUFFERS, pipe(7)).
constexpr std::uint64_t kLeastPipe = 8 * 1024;
constexpr std::size_t kBatchStep = 4;

// A block of less than a page may take a slot of its own.
std::size_t blocks_in(std::uint64_t pipe, const JobSpec& spec) {
  const std::size_t block = util::round_up(std::clamp<std::size_t>(spec.workload.bs, 1, kMaxBlock), util::kPageSize);
  return std::clamp<std::size_t>(pipe / block, 1, engine::kMaxBatch);
}

// What is spread over time is not to come in bursts.
bool may_batch(const JobSpec& spec) {
  const auto& w = spec.workload;
  return spec.engine.batch == 0 && w.thinktime == 0 && w.rate == 0 && w.rate_iops == 0;
}

// The least pipe that holds `bytes`, between the smallest and the largest of kPipes.
std::uint64_t pipe_for(std::uint64_t bytes, std::uint64_t limit) {
  return std::min(limit, std::bit_ceil(std::clamp(bytes, kPipes.front(), kPipes.back())));
}

std::vector<PipeSetting> settings_of_pipe(const JobSpec& spec, const ResourceGrant& grant) {
  const std::uint64_t pipe = spec.engine.pipe_size;
  if (spec.engine.batch != 0) return {{pipe, spec.engine.batch}};
  std::vector<PipeSetting> settings{{pipe, 1}};
  // Every block of a batch that is written has a buffer: a large pipe alone does not ask for that many.
  const std::size_t most = may_batch(spec) ? blocks_in(std::min(pipe, grant.batch_limit), spec) : 1;
  for (std::size_t batch = kBatchStep; batch <= most; batch *= kBatchStep) settings.push_back({pipe, batch});
  return settings;
}

// Where pipes have become small there may be room for less than the job asks for.
PipeSetting setting_of_batch(const JobSpec& spec, std::uint64_t limit) {
  const std::uint64_t bs = std::clamp<std::uint64_t>(spec.workload.bs, 1, kMaxBlock);
  const std::uint64_t blocks = std::min<std::uint64_t>(spec.engine.batch, engine::kMaxBatch);
  const std::uint64_t pipe = pipe_for(bs * blocks, limit);
  return {pipe, std::clamp<std::size_t>(pipe / bs, 1, blocks)};
}

// With what there was to choose from: a choice made when pipes were scarce is not one for other times.
std::string list_of(const std::vector<PipeSetting>& settings) {
  std::string out;
  for (const PipeSetting& setting : settings) out += fmt::format("{}x{},", setting.pipe_size, setting.batch);
  return out;
}

// A device that is set up anew under its old number gets a new sequence number (since Linux 5.15), so that nothing is
// remembered of the one that it was before. Files share what their file system does.
std::string key_for(Direction direction, const JobSpec& spec, const DevicePlan& plan,
                    const std::vector<PipeSetting>& settings) {
  const auto& facts = plan.target.facts;
  std::uint64_t sequence = 0;
  if (facts.block_device && ::ioctl(plan.target.open->fd.get(), BLKGETDISKSEQ, &sequence) != 0) sequence = 0;
  const auto path = spec.engine.read_path ? static_cast<int>(*spec.engine.read_path) : -1;
  return fmt::format("{}:{} {} {} bs={} rw={} direct={} path={} payload={} workers={} gift={} of={}", facts.id.device,
                     sequence, facts.file_system, engine::kDirectionNames[engine::index_of(direction)],
                     spec.workload.bs, static_cast<int>(spec.workload.rw), spec.workload.direct, path,
                     static_cast<int>(spec.payload), spec.workload.workers, spec.engine.gift, list_of(settings));
}

}  // namespace

// One block at a time through a pipe of a block, which makes it one system call, and through smaller ones, which keep
// what passes in the cache; then as many blocks as each pipe holds.
std::vector<PipeSetting> settings_to_try(const JobSpec& spec, const ResourceGrant& grant) {
  if (spec.engine.pipe_size != 0) return settings_of_pipe(spec, grant);
  const std::uint64_t granted = std::bit_floor(std::max(grant.pipe_limit, kLeastPipe));
  if (spec.engine.batch > 1) return {setting_of_batch(spec, granted)};
  const std::uint64_t whole = pipe_for(spec.workload.bs, granted);
  std::vector<PipeSetting> settings{{whole, 1}};
  for (auto pipe = kPipes.rbegin(); pipe != kPipes.rend(); ++pipe) {
    if (*pipe < whole) settings.push_back({*pipe, 1});
  }
  if (!may_batch(spec)) return settings;
  std::size_t most = 1;
  for (const std::uint64_t pipe : kPipes) {
    const std::size_t batch = blocks_in(std::min({pipe, granted, grant.batch_limit}), spec);
    if (batch > most) settings.push_back({std::min(pipe, granted), most = batch});
  }
  return settings;
}

std::size_t largest_batch(const std::vector<PipeSetting>& settings) {
  const auto larger = [](const PipeSetting& a, const PipeSetting& b) { return a.batch < b.batch; };
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

Tuning::Tuning(Direction direction, const JobSpec& spec, const DevicePlan& plan, TuningMemory& memory)
    : settings_(settings_to_try(spec, plan.grant)), key_(key_for(direction, spec, plan, settings_)), memory_(memory) {
  result_.direction = direction;
  result_.setting = settings_[0];
  if (settings_.size() == 1) {
    const bool asked = spec.engine.pipe_size != 0 && spec.engine.batch != 0;
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

std::size_t Tuning::largest_batch() const {
  return job::largest_batch(settings_);
}

void Tuning::decide(std::optional<std::size_t> chosen, const std::vector<double>& nanos_per_byte) {
  const std::lock_guard lock(mutex_);
  result_.setting = settings_[chosen.value_or(0)];
  result_.source = chosen ? TuningSource::measured : TuningSource::inconclusive;
  for (std::size_t i = 0; i < settings_.size(); ++i) {
    result_.tried.push_back({settings_[i], nanos_per_byte[i] > 0 ? 1e9 / nanos_per_byte[i] : 0});
  }
  if (chosen) memory_.put(key_, result_);
  chosen_.store(chosen.value_or(0), std::memory_order_relaxed);
  decided_.store(true, std::memory_order_release);
}

}  // namespace spliced::job
