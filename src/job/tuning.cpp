#include "tuning.h"

#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <bit>

namespace spliced::job {

using engine::Direction;
using engine::Setting;

namespace {

constexpr std::uint64_t kSmallPipe = 64 * 1024;  // what a pipe has from the start (pipe(7)); it stays in a CPU's cache
// A pipe that may not grow any further is still given this much by the kernel (PIPE_MIN_DEF_BUFFERS, pipe(7)).
constexpr std::uint64_t kLeastPipe = 8 * 1024;
constexpr std::uint64_t kMiddlePipe = 256 * 1024;
constexpr std::size_t kBatchStep = 4;

std::vector<std::uint64_t> pipes_to_try(const JobSpec& spec, std::uint64_t limit) {
  if (spec.engine.pipe_size != 0) return {spec.engine.pipe_size};
  std::vector<std::uint64_t> pipes;
  const std::uint64_t granted = std::bit_floor(std::max(limit, kLeastPipe));
  const std::uint64_t blocks = std::clamp<std::uint64_t>(spec.engine.batch, 1, engine::kMaxBatch);
  const std::uint64_t together = std::min(spec.workload.bs, kMaxBlock) * blocks;
  // A pipe of one block makes a block one system call. The smaller ones keep what passes in the cache, which wins where
  // the device is as fast as memory.
  pipes.push_back(std::min(granted, std::bit_ceil(std::clamp(together, kSmallPipe, kMaxAutoPipe))));
  if (blocks > 1) return pipes;  // a smaller one would not hold the batch
  for (const std::uint64_t size : {kMiddlePipe, kSmallPipe}) {
    if (size < pipes.back()) pipes.push_back(size);
  }
  return pipes;
}

std::vector<std::size_t> batches_to_try(const JobSpec& spec, std::uint64_t pipe) {
  const std::uint64_t bs = std::max<std::uint64_t>(spec.workload.bs, 1);
  const auto fit_into = [&](std::uint64_t bytes) { return std::clamp<std::size_t>(bytes / bs, 1, engine::kMaxBatch); };
  // Where pipes have become small there may be room for less than the job asks for.
  if (spec.engine.batch != 0) return {std::min<std::size_t>(spec.engine.batch, fit_into(pipe))};
  std::vector<std::size_t> batches{1};
  // Every block of a batch has a buffer: a large pipe alone does not ask for that many.
  const std::size_t most = fit_into(std::min(pipe, kMaxAutoPipe));
  // What is spread over time is not to come in bursts.
  if (spec.workload.thinktime != 0 || spec.workload.rate != 0 || spec.workload.rate_iops != 0) return batches;
  for (std::size_t batch = kBatchStep; batch <= most; batch *= kBatchStep) batches.push_back(batch);
  return batches;
}

// With what there was to choose from: a choice made when pipes were scarce is not one for other times.
std::string list_of(const std::vector<Setting>& settings) {
  std::string out;
  for (const Setting& setting : settings) out += fmt::format("{}x{},", setting.pipe_size, setting.batch);
  return out;
}

// A device that is set up anew under its old number gets a new sequence number (since Linux 5.15), so that nothing is
// remembered of the one that it was before. Files share what their file system does.
std::string key_for(Direction direction, const JobSpec& spec, const DevicePlan& plan,
                    const std::vector<Setting>& settings) {
  const auto& facts = plan.target.facts;
  std::uint64_t sequence = 0;
  if (facts.block_device && ::ioctl(plan.target.fd.get(), BLKGETDISKSEQ, &sequence) != 0) sequence = 0;
  const auto path = spec.engine.read_path ? static_cast<int>(*spec.engine.read_path) : -1;
  return fmt::format("{}:{} {} {} bs={} rw={} direct={} path={} payload={} workers={} gift={} of={}", facts.id.device,
                     sequence, facts.file_system, engine::kDirectionNames[engine::index_of(direction)],
                     spec.workload.bs, static_cast<int>(spec.workload.rw), spec.workload.direct, path,
                     static_cast<int>(spec.payload), spec.workload.workers, spec.engine.gift, list_of(settings));
}

}  // namespace

std::vector<Setting> settings_to_try(const JobSpec& spec, std::uint64_t limit) {
  std::vector<Setting> settings;
  for (const std::uint64_t pipe : pipes_to_try(spec, limit)) {
    for (const std::size_t batch : batches_to_try(spec, pipe)) settings.push_back({pipe, batch});
  }
  return settings;
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
    : settings_(settings_to_try(spec, plan.pipe_limit)),
      key_(key_for(direction, spec, plan, settings_)),
      memory_(memory) {
  result_.direction = direction;
  result_.setting = settings_[0];
  if (settings_.size() == 1) {
    const bool asked = spec.engine.pipe_size != 0 && spec.engine.batch != 0;
    result_.source = asked ? TuningSource::job : TuningSource::only_choice;
    settled_ = true;
    return;
  }
  const auto known = memory.find(key_);
  if (!known) return;
  const auto at = std::find(settings_.begin(), settings_.end(), known->setting);
  if (at == settings_.end()) return;
  chosen_ = static_cast<std::size_t>(at - settings_.begin());
  result_ = *known;
  result_.source = TuningSource::remembered;
  settled_ = true;
}

TuningSnapshot Tuning::snapshot() const {
  const std::lock_guard lock(mutex_);
  return result_;
}

std::size_t Tuning::largest_batch() const {
  const auto larger = [](const Setting& a, const Setting& b) { return a.batch < b.batch; };
  return std::max_element(settings_.begin(), settings_.end(), larger)->batch;
}

void Tuning::settle(std::optional<std::size_t> chosen, const std::vector<double>& nanos_per_byte) {
  const std::lock_guard lock(mutex_);
  result_.setting = settings_[chosen.value_or(0)];
  result_.source = chosen ? TuningSource::measured : TuningSource::inconclusive;
  for (std::size_t i = 0; i < settings_.size(); ++i) {
    result_.tried.push_back({settings_[i], nanos_per_byte[i] > 0 ? 1e9 / nanos_per_byte[i] : 0});
  }
  if (chosen) memory_.put(key_, result_);
  chosen_.store(chosen.value_or(0), std::memory_order_relaxed);
  settled_.store(true, std::memory_order_release);
}

}  // namespace spliced::job
