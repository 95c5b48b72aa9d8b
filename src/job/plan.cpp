#include "plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

namespace spliced::job {

using util::Errc;
using util::Error;
using util::FieldError;
using workload::Amount;
using workload::BlockRange;
using workload::WorkloadSpec;

namespace {

std::uint64_t share_of(const Amount& amount, std::uint64_t whole, std::uint64_t unit) {
  if (!amount.relative) return amount.bytes;
  const auto bytes = static_cast<std::uint64_t>(static_cast<long double>(whole) * amount.percent / 100);
  return std::min(bytes, whole) / unit * unit;
}

device::Access access_for(const JobSpec& spec) {
  const WorkloadSpec& w = spec.workload;
  device::Access access;
  access.destructive = workload::destroys(w.rw);
  access.direct = w.direct;
  access.allow_in_use = spec.allow_in_use;
  access.overwrite_signatures = spec.overwrite_signatures;
  if (!w.size.relative && !w.offset.relative) access.create_bytes = w.offset.bytes + w.size.bytes;
  return access;
}

// The files that a job creates, by the file system that they are to lie on.
class NewFiles {
 public:
  explicit NewFiles(std::uint64_t bytes) : bytes_(bytes) {}
  // What is in the way of one more; nothing for a target that exists.
  std::optional<device::Refusal> add(const device::TargetFacts& facts) {
    if (facts.exists) return std::nullopt;
    const std::uint64_t before = needed_[facts.home];
    if (facts.free_bytes >= before && facts.free_bytes - before >= bytes_) {
      needed_[facts.home] += bytes_;
      return std::nullopt;
    }
    return device::Refusal{
        fmt::format("does not exist and cannot be created with {} bytes: {} are free on its file system{}", bytes_,
                    facts.free_bytes, before == 0 ? "" : fmt::format(", {} go to other targets of this job", before)),
        false};
  }

 private:
  const std::uint64_t bytes_;
  std::map<dev_t, std::uint64_t> needed_;
};

std::string target_pointer(std::size_t index) {
  return fmt::format("/targets/{}", index);
}

// Which errors came first decides what the whole request is answered with.
Error combine(std::vector<FieldError> details, Errc code) {
  Error error;
  error.code = code;
  for (const auto& detail : details) error.message += (error.message.empty() ? "" : "; ") + detail.detail;
  error.details = std::move(details);
  return error;
}

std::optional<double> estimate_seconds(const WorkloadSpec& w, const BlockRange& range) {
  if (w.time_based) return static_cast<double>(w.runtime) / 1e9;
  std::optional<double> seconds;
  const auto loops = static_cast<double>(w.loops);
  if (w.rate != 0) seconds = static_cast<double>(range.size) * loops / static_cast<double>(w.rate);
  if (w.rate_iops != 0) {
    const double by_iops = static_cast<double>(range.count()) * loops / static_cast<double>(w.rate_iops);
    seconds = std::max(seconds.value_or(0), by_iops);
  }
  if (w.runtime != 0) seconds = std::min(seconds.value_or(1e300), static_cast<double>(w.runtime) / 1e9);
  return seconds;
}

}  // namespace

BlockRange resolve_range(const WorkloadSpec& spec, const device::TargetFacts& facts, std::vector<FieldError>& errors) {
  const std::uint64_t unit = facts.alignment;
  BlockRange range;
  range.block = spec.bs;
  range.offset = share_of(spec.offset, facts.size, unit);
  const std::uint64_t left = facts.size > range.offset ? facts.size - range.offset : 0;
  range.size = share_of(spec.size, left, spec.direct ? unit : 1);
  const auto wrong = [&](const char* pointer, std::string detail) { errors.push_back({pointer, std::move(detail)}); };
  if (left == 0) {
    wrong("/workload/offset",
          fmt::format("{} is at or past the end of {}, which has {} bytes", range.offset, facts.path, facts.size));
  } else if (range.size > left) {
    wrong("/workload/size", fmt::format("{} bytes from offset {} go past the end of {}, which has {} bytes", range.size,
                                        range.offset, facts.path, facts.size));
  } else if (range.size == 0) {
    wrong("/workload/size", fmt::format("the share of {} is smaller than one sector of {} bytes", facts.path, unit));
  }
  if (!spec.direct) return range;
  for (const auto& [pointer, value] : std::initializer_list<std::pair<const char*, std::uint64_t>>{
           {"/workload/bs", spec.bs}, {"/workload/offset", range.offset}, {"/workload/size", range.size}}) {
    if (value % unit == 0) continue;
    wrong(pointer,
          fmt::format("{} is not aligned: with direct I/O, {} needs a multiple of {} bytes{}", value, facts.path, unit,
                      facts.alignment_reason.empty() ? "" : fmt::format(" ({})", facts.alignment_reason)));
  }
  return range;
}

util::Result<JobPlan> make_plan(device::Gate& gate, const JobSpec& spec, const std::string& job_id) {
  if (auto errors = check_spec(spec); !errors.empty()) {
    return tl::unexpected(combine(std::move(errors), Errc::invalid));
  }
  JobPlan plan;
  plan.spec = spec;
  std::vector<FieldError> errors;
  Errc code = Errc::invalid;
  const auto refuse = [&](std::size_t i, const Error& error) {
    if (error.code == Errc::conflict) code = Errc::conflict;
    if (error.details.empty()) errors.push_back({target_pointer(i), error.message});
    for (const auto& detail : error.details) errors.push_back({target_pointer(i), detail.detail});
  };
  const device::Access access = access_for(spec);
  const device::HostView before = gate.host();
  NewFiles files(access.create_bytes);
  for (std::size_t i = 0; i < spec.targets.size(); ++i) {
    auto target = gate.claim(spec.targets[i], access, job_id, before);
    if (!target) {
      refuse(i, target.error());
      continue;
    }
    const auto same = [&](const DevicePlan& other) { return device::share_a_disk(other.target.facts, target->facts); };
    if (std::any_of(plan.devices.begin(), plan.devices.end(), same)) {
      refuse(i, device::refusal_error(spec.targets[i], {device::named_twice()}));
      continue;
    }
    if (const auto refusal = files.add(target->facts)) {
      refuse(i, device::refusal_error(spec.targets[i], {*refusal}));
      continue;
    }
    if (!target->facts.exists) target->facts.size = access.create_bytes;
    DevicePlan device;
    device.range = resolve_range(spec.workload, target->facts, errors);
    device.target = std::move(*target);
    plan.devices.push_back(std::move(device));
  }
  if (!errors.empty()) return tl::unexpected(combine(std::move(errors), code));
  // Only now: while a target may be refused, nothing is created for the others.
  for (std::size_t i = 0; i < plan.devices.size(); ++i) {
    DevicePlan& device = plan.devices[i];
    if (device.target.facts.exists) continue;
    if (auto status = gate.create(device.target, access, job_id, before); !status) {
      refuse(i, status.error());
      break;
    }
    device.range = resolve_range(spec.workload, device.target.facts, errors);
  }
  if (!errors.empty()) return tl::unexpected(combine(std::move(errors), code));
  const device::HostView claimed = gate.host();
  for (std::size_t i = 0; i < plan.devices.size(); ++i) {
    if (auto status = gate.confirm(plan.devices[i].target, access, claimed); !status) refuse(i, status.error());
  }
  if (!errors.empty()) return tl::unexpected(combine(std::move(errors), code));
  return plan;
}

PlanReport report_plan(const device::Gate& gate, const JobSpec& spec) {
  PlanReport report;
  report.errors = check_spec(spec);
  if (!report.errors.empty()) return report;
  const device::HostView host = gate.host();
  const device::Access access = access_for(spec);
  std::vector<device::TargetFacts> seen;
  NewFiles files(access.create_bytes);
  for (const auto& path : spec.targets) {
    device::Inspection inspection = gate.inspect(path, access, host);
    PlanEntry entry;
    entry.facts = std::move(inspection.facts);
    entry.refusals = std::move(inspection.refusals);
    if (!entry.facts.exists) entry.facts.size = access.create_bytes;
    if (entry.refusals.empty()) {
      const auto same = [&](const device::TargetFacts& other) { return device::share_a_disk(other, entry.facts); };
      if (std::any_of(seen.begin(), seen.end(), same)) {
        entry.refusals.push_back(device::named_twice());
      } else if (const auto refusal = files.add(entry.facts)) {
        entry.refusals.push_back(*refusal);
      }
      seen.push_back(entry.facts);
      entry.range = resolve_range(spec.workload, entry.facts, entry.errors);
      if (entry.errors.empty()) entry.estimated_seconds = estimate_seconds(spec.workload, entry.range);
    }
    report.targets.push_back(std::move(entry));
  }
  return report;
}

}  // namespace spliced::job
