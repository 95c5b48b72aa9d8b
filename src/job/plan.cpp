// SPDX-License-Identifier: Apache-2.0
#include "plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <optional>

namespace spliced::job {

using util::Error;
using util::FieldError;
using util::Reason;
using workload::Amount;
using workload::BlockRange;
using workload::WorkloadSpec;

namespace {

__extension__ using Wide = unsigned __int128;

// In billionths of a percent, with which decimal fractions add up without an error: a share that begins where another
// one ends does so to the byte.
std::uint64_t billionths(const Amount& amount) {
  return static_cast<std::uint64_t>(std::llround(amount.percent * 1e9));
}

std::uint64_t share_of(std::uint64_t billionths, std::uint64_t whole) {
  return static_cast<std::uint64_t>(Wide{whole} * billionths / 100'000'000'000U);
}

// A percentage is of the whole target, wherever it begins, and ends with the target: as fio has it.
std::uint64_t end_of_share(const WorkloadSpec& spec, std::uint64_t offset, std::uint64_t whole, std::uint64_t unit) {
  const std::uint64_t end = spec.offset.relative ? share_of(billionths(spec.offset) + billionths(spec.size), whole)
                                                 : offset + std::min(share_of(billionths(spec.size), whole), whole);
  return end >= whole || end < offset ? whole : end / unit * unit;
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
        Reason::no_space};
  }

 private:
  const std::uint64_t bytes_;
  std::map<dev_t, std::uint64_t> needed_;
};

// What of the targets is judged together, the same for a plan and for the report of one.
class Judge {
 public:
  Judge(const WorkloadSpec& workload, const device::Access& access) : workload_(workload), files_(access.create_bytes) {
    new_size_ = access.create_bytes;
  }
  // One more target with nothing of its own in the way: what is, beside those before it. Gives a new file its size.
  std::optional<device::Refusal> add(device::TargetFacts& facts) {
    const auto same = [&](const device::TargetFacts& other) { return device::share_a_disk(other, facts); };
    if (std::any_of(seen_.begin(), seen_.end(), same)) return device::named_twice();
    if (auto refusal = files_.add(facts)) return refusal;
    if (!facts.exists) facts.size = new_size_;
    seen_.push_back(facts);
    return std::nullopt;
  }
  [[nodiscard]] BlockRange range_on(const device::TargetFacts& facts, std::vector<FieldError>& errors) const {
    return resolve_range(workload_, facts, errors);
  }

 private:
  const WorkloadSpec& workload_;
  std::uint64_t new_size_ = 0;
  NewFiles files_;
  std::vector<device::TargetFacts> seen_;
};

// What this host does not have, whatever the targets.
std::vector<FieldError> check_host(const JobSpec& spec) {
  const util::CpuList here = util::allowed_cpus();
  util::CpuList missing;
  std::set_difference(spec.workload.cpus_allowed.begin(), spec.workload.cpus_allowed.end(), here.begin(), here.end(),
                      std::back_inserter(missing));
  if (missing.empty()) return {};
  return {{"/workload/cpus_allowed",
           fmt::format("\"{}\" names {}, where this daemon may not run; it may on {}",
                       util::format_cpu_list(spec.workload.cpus_allowed), util::format_cpu_list(missing),
                       util::format_cpu_list(here)),
           Reason::out_of_range}};
}

std::vector<FieldError> check(const JobSpec& spec) {
  auto errors = check_spec(spec);
  return errors.empty() ? check_host(spec) : errors;
}

std::string target_pointer(std::size_t index) {
  return fmt::format("/targets/{}", index);
}

Error combine(std::vector<FieldError> details) {
  Error error;
  error.code = util::code_of(details);
  for (const auto& detail : details) error.message += (error.message.empty() ? "" : "; ") + detail.detail;
  error.details = std::move(details);
  return error;
}

// How long it will take, where that is known beforehand: by the time or by a rate. A runtime alone only says when it
// ends at the latest.
std::optional<double> estimate_seconds(const WorkloadSpec& w, const BlockRange& range) {
  if (w.time_based) return static_cast<double>(w.runtime) / 1e9;
  std::optional<double> seconds;
  const auto loops = static_cast<double>(w.loops);
  if (w.rate != 0) seconds = static_cast<double>(range.size) * loops / static_cast<double>(w.rate);
  if (w.rate_iops != 0) {
    const double by_iops = static_cast<double>(range.count()) * loops / static_cast<double>(w.rate_iops);
    seconds = std::max(seconds.value_or(0), by_iops);
  }
  if (seconds && w.runtime != 0) seconds = std::min(*seconds, static_cast<double>(w.runtime) / 1e9);
  return seconds;
}

// What to do about a target whose end cannot be reached with direct I/O. `left`: bytes from the start of the range on.
std::string tail_refusal(const device::TargetFacts& facts, std::uint64_t left) {
  const std::uint64_t reached = left / facts.alignment * facts.alignment;
  const std::string how = reached == 0 ? "" : fmt::format("a size of {} to leave them out, or ", reached);
  return fmt::format(
      "100% of {} is not aligned: direct I/O needs multiples of {} bytes, and the last {} of its {} bytes would be "
      "left "
      "out without a word; give {}\"direct\": false",
      facts.path, facts.alignment, left - reached, facts.size, how);
}

}  // namespace

BlockRange resolve_range(const WorkloadSpec& spec, const device::TargetFacts& facts, std::vector<FieldError>& errors) {
  const std::uint64_t unit = facts.alignment;
  BlockRange range;
  range.block = spec.bs;
  range.offset = spec.offset.relative ? share_of(billionths(spec.offset), facts.size) / unit * unit : spec.offset.bytes;
  const std::uint64_t left = facts.size > range.offset ? facts.size - range.offset : 0;
  range.size = spec.size.bytes;
  bool to_the_end = false;
  if (spec.size.relative) {
    const std::uint64_t end = end_of_share(spec, range.offset, facts.size, unit);
    to_the_end = end == facts.size;
    range.size = end > range.offset ? end - range.offset : 0;
    if (spec.direct) range.size = range.size / unit * unit;
  }
  const auto wrong = [&](const char* pointer, std::string detail, Reason reason = Reason::out_of_range) {
    errors.push_back({pointer, std::move(detail), reason});
  };
  if (left == 0) {
    wrong("/workload/offset",
          fmt::format("{} is at or past the end of {}, which has {} bytes", range.offset, facts.path, facts.size));
  } else if (range.size > left) {
    wrong("/workload/size", fmt::format("{} bytes from offset {} go past the end of {}, which has {} bytes", range.size,
                                        range.offset, facts.path, facts.size));
  } else if (spec.direct && to_the_end && facts.size % unit != 0) {
    wrong("/workload/size", tail_refusal(facts, left), Reason::not_aligned);
  } else if (range.size == 0) {
    wrong("/workload/size", fmt::format("the share of {} is smaller than one sector of {} bytes", facts.path, unit));
  }
  if (!spec.direct) return range;
  for (const auto& [pointer, value] : std::initializer_list<std::pair<const char*, std::uint64_t>>{
           {"/workload/bs", spec.bs}, {"/workload/offset", range.offset}, {"/workload/size", range.size}}) {
    if (value % unit == 0) continue;
    wrong(pointer,
          fmt::format("{} is not aligned: with direct I/O, {} needs a multiple of {} bytes{}", value, facts.path, unit,
                      facts.alignment_reason.empty() ? "" : fmt::format(" ({})", facts.alignment_reason)),
          Reason::not_aligned);
  }
  return range;
}

namespace {

// How long one target keeps the next from its turn: they are taken in order as long as they answer.
constexpr util::Nanos kTurn = util::kSecond / 10;

class Planner {
 public:
  Planner(device::TargetAdmission& admission, const JobSpec& spec, const std::string& job_id)
      : admission_(admission),
        spec_(spec),
        request_{access_for(spec), job_id, std::make_shared<device::BlockTopology>(admission.host()),
                 util::system_clock().now() + device::Lookout::kLimit},
        judge_(spec.workload, request_.access),
        devices_(spec.targets.size()) {}

  util::Result<JobPlan> run() {
    // While a target may be refused, nothing is created for the others.
    for (const auto step : {&Planner::hold_all, &Planner::create_missing, &Planner::confirm_all}) {
      (this->*step)();
      if (!errors_.empty()) return tl::unexpected(combine(std::move(errors_)));
    }
    JobPlan plan{spec_, {}};
    for (auto& device : devices_) plan.devices.push_back(std::move(*device));
    return plan;
  }

 private:
  void refuse(std::size_t i, const Error& error) {
    if (error.details.empty()) errors_.push_back({target_pointer(i), error.message, util::reason_of(error)});
    for (const auto& detail : error.details) errors_.push_back({target_pointer(i), detail.detail, detail.reason});
  }

  void hold_all() {
    std::vector<run::HoldInProgress> looks;
    looks.reserve(spec_.targets.size());
    std::vector<std::size_t> late;
    for (std::size_t i = 0; i < spec_.targets.size(); ++i) {
      looks.push_back(run::begin_to_hold(admission_, spec_.targets[i], request_));
      auto held = looks[i].poll(std::min(request_.until, util::system_clock().now() + kTurn));
      held ? accept(i, std::move(*held)) : late.push_back(i);
    }
    for (const std::size_t i : late) accept(i, looks[i].wait(request_.until));
  }

  void accept(std::size_t i, util::Result<run::HeldTarget> held) {
    if (!held) return refuse(i, held.error());
    if (const auto refusal = judge_.add(held->facts)) {
      return refuse(i, device::refusal_error(spec_.targets[i], {*refusal}));
    }
    run::DevicePlan& device = devices_[i].emplace();
    device.range = judge_.range_on(held->facts, errors_);
    device.target = std::move(*held);
  }

  void create_missing() {
    for (std::size_t i = 0; i < devices_.size(); ++i) {
      run::DevicePlan& device = *devices_[i];
      if (device.target.facts.exists) continue;
      auto step = run::begin_to_create(admission_, device.target, request_);
      if (auto status = run::end_step(step, device.target, request_.until); !status) return refuse(i, status.error());
      device.range = judge_.range_on(device.target.facts, errors_);
    }
  }

  void confirm_all() {
    request_.host = std::make_shared<device::BlockTopology>(admission_.host());
    std::vector<run::StepInProgress> steps;
    for (const auto& device : devices_) steps.push_back(run::begin_to_confirm(admission_, device->target, request_));
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (auto status = run::end_step(steps[i], devices_[i]->target, request_.until); !status)
        refuse(i, status.error());
    }
  }

  device::TargetAdmission& admission_;
  const JobSpec& spec_;
  run::TargetRequest request_;
  Judge judge_;
  std::vector<std::optional<run::DevicePlan>> devices_;  // by target
  std::vector<FieldError> errors_;
};

}  // namespace

util::Result<JobPlan> make_plan(device::TargetAdmission& admission, const JobSpec& spec, const std::string& job_id) {
  if (auto errors = check(spec); !errors.empty()) {
    return tl::unexpected(combine(std::move(errors)));
  }
  return Planner(admission, spec, job_id).run();
}

namespace {

using Inspecting = device::Look<device::Inspection>;

Inspecting begin_to_inspect(const device::TargetAdmission& admission, const std::string& path,
                            const device::Access& access, const std::shared_ptr<const device::BlockTopology>& host,
                            util::Nanos until) {
  return {admission.lookout(), path, until,
          [&admission, path, access, host, until](const auto&) -> util::Result<device::Inspection> {
            const auto right = admission.look_alone(path, until);
            if (!right) return tl::unexpected(right.error());
            return admission.inspect(path, access, *host);
          }};
}

// What does not answer is refused for that.
device::Inspection inspection_of(const std::string& path, util::Result<device::Inspection> result) {
  if (result) return std::move(*result);
  device::TargetFacts facts;
  facts.given = facts.path = facts.name = path;
  std::string text = result.error().message;
  if (text.starts_with(path + " ")) text.erase(0, path.size() + 1);  // a refusal is told with its path
  return {facts, {{text, util::reason_of(result.error())}}};
}

std::vector<device::Inspection> inspect_all(const device::TargetAdmission& admission, const JobSpec& spec,
                                            const device::Access& access) {
  const auto host = std::make_shared<const device::BlockTopology>(admission.host());
  const util::Nanos until = util::system_clock().now() + device::Lookout::kLimit;
  std::vector<Inspecting> looks;
  std::vector<std::optional<util::Result<device::Inspection>>> results;
  looks.reserve(spec.targets.size());
  for (const auto& path : spec.targets) {
    looks.push_back(begin_to_inspect(admission, path, access, host, until));
    results.push_back(looks.back().poll(std::min(until, util::system_clock().now() + kTurn)));
  }
  std::vector<device::Inspection> out;
  for (std::size_t i = 0; i < looks.size(); ++i) {
    if (!results[i]) results[i] = looks[i].wait(until);
    out.push_back(inspection_of(spec.targets[i], std::move(*results[i])));
  }
  return out;
}

}  // namespace

PlanReport report_plan(const device::TargetAdmission& admission, const JobSpec& spec) {
  PlanReport report;
  report.errors = check(spec);
  if (!report.errors.empty()) return report;
  device::Access access = access_for(spec);
  access.try_to_open = true;
  Judge judge(spec.workload, access);
  for (auto& inspection : inspect_all(admission, spec, access)) {
    PlanEntry entry;
    entry.facts = std::move(inspection.facts);
    entry.refusals = std::move(inspection.refusals);
    if (entry.refusals.empty()) {
      if (auto refusal = judge.add(entry.facts)) entry.refusals.push_back(std::move(*refusal));
    }
    if (entry.refusals.empty()) {
      entry.range = judge.range_on(entry.facts, entry.errors);
      if (entry.errors.empty()) entry.estimated_seconds = estimate_seconds(spec.workload, entry.range);
    }
    report.targets.push_back(std::move(entry));
  }
  return report;
}

}  // namespace spliced::job
