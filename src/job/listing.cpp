// SPDX-License-Identifier: Apache-2.0
#include "listing.h"

#include <algorithm>
#include <exception>
#include <memory>

#include "spliced/util/names.h"

namespace spliced::job {

std::uint64_t name_key(std::string_view name) {
  constexpr std::string_view kNodes = "/dev/";
  const bool node = name.starts_with(kNodes);
  if (node) name.remove_prefix(kNodes.size());
  std::uint64_t key = 0xcbf29ce484222325U;  // FNV-1a
  for (const char c : name) {
    key ^= static_cast<unsigned char>(node && c == '/' ? '!' : c);  // as the kernel names cciss!c0d0
    key *= 0x100000001b3U;
  }
  return key;
}

std::vector<std::string> listed(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  std::size_t bytes = 0;
  for (const auto& name : names) {
    bytes += name.size();
    if (out.size() == kListedNames || bytes > kListedBytes) break;
    out.push_back(name);
  }
  return out;
}

JobSummary summary_of(const store::StoredJob& job) {
  const State state = util::named(kStateNames, job.state, State::interrupted);
  const Verdict verdict = util::named(kVerdictNames, job.verdict, Verdict::none);
  return {job.id,
          job.name,
          job.sequence,
          state,
          verdict,
          job.reason,
          job.created_at,
          job.created_by,
          job.started_at,
          job.ended_at,
          job.destructive,
          job.progress,
          job.errors,
          job.targets,
          job.target_count,
          listed(job.devices),
          job.devices.size()};
}

Listing listing_of(const store::StoredJob& job, std::vector<Interruption> interruptions) {
  Listing out{summary_of(job), {}, job.run_id, job.elapsed, std::move(interruptions)};
  out.devices.reserve(job.devices.size());
  for (const auto& name : job.devices) out.devices.push_back(name_key(name));
  return out;
}

std::uint64_t errors_of(const run::DeviceSnapshot& device) {
  std::uint64_t errors = 0;
  for (const auto& op : device.ops) errors += op.errors;
  return errors;
}

JobView view_of(JobSnapshot whole) {
  JobView out;
  const auto devices = std::make_shared<const std::vector<DeviceSnapshot>>(std::move(whole.devices));
  whole.devices.clear();
  out.head = std::move(whole);
  out.devices = devices->size();
  out.device = [devices](std::size_t i) { return devices->at(i); };
  return out;
}

JobSnapshot interrupted(const JobView& view) {
  JobSnapshot out = view.head;
  out.state = State::interrupted;
  std::vector<const run::DeviceSnapshot*> all;
  for (std::size_t i = 0; i < view.devices; ++i) {
    out.devices.push_back(view.device(i));
    run::settle(out.devices.back(), State::interrupted);
  }
  for (const DeviceSnapshot& device : out.devices) all.push_back(&device);
  const auto peers = verdict::compare_peers(all);
  std::vector<Verdict> verdicts;
  for (std::size_t i = 0; i < out.devices.size(); ++i) {
    DeviceSnapshot& device = out.devices[i];
    if (device.verdict == Verdict::none) device = verdict::judged(out.spec.criteria, device, peers[i]);
    verdicts.push_back(device.verdict);
  }
  out.verdict = verdict::worst_of(verdicts);
  return out;
}

util::Result<JobSnapshot> whole(const JobView& view) {
  JobSnapshot out = view.head;
  try {
    for (std::size_t i = 0; i < view.devices; ++i) out.devices.push_back(view.device(i));
  } catch (const std::exception& error) {
    return util::fail(util::Errc::unavailable, error.what());
  }
  return out;
}

std::size_t memory_of(const JobSnapshot& head, const std::vector<DeviceSnapshot>& devices) {
  std::size_t bytes = sizeof head;
  for (const auto& target : head.spec.targets) bytes += sizeof target + target.capacity();
  for (const auto& device : devices) {
    bytes += sizeof device + run::memory_behind(device) + device.facts.path.capacity() + device.facts.name.capacity() +
             device.facts.given.capacity();
    for (const auto& stage : device.stages) bytes += sizeof stage + run::memory_behind(stage);
  }
  return bytes;
}

}  // namespace spliced::job
