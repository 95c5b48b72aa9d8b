// SPDX-License-Identifier: Apache-2.0
#include "plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "estimate.h"
#include "joint_check.h"
#include "range.h"
#include "spliced/util/cpus.h"
#include "spliced/workload/pass.h"

namespace spliced::plan {

using util::Error;
using util::FieldError;
using util::Reason;

namespace {

// A file is created as large as the streams that say so in bytes need it.
device::Access access_for(const JobSpec& spec) {
  device::Access access;
  access.destructive = destroys(spec);
  access.allow_in_use = spec.allow_in_use;
  access.overwrite_signatures = spec.overwrite_signatures;
  access.confirm = spec.confirm;
  for (const Leaf& leaf : leaves_of(spec)) {
    for (const auto& stream : run::streams_of(leaf.stage)) {
      const workload::WorkloadSpec& w = stream.io.workload;
      access.direct = w.direct;
      if (w.size.relative || w.offset.relative) continue;
      access.create_bytes = std::max(access.create_bytes, w.offset.bytes + w.size.bytes);
    }
  }
  return access;
}

// What this host does not have, whatever the targets.
std::vector<FieldError> check_host(const JobSpec& spec) {
  const util::CpuList here = util::allowed_cpus();
  std::vector<FieldError> errors;
  const auto look = [&](const util::CpuList& asked, std::string field) {
    util::CpuList missing;
    std::set_difference(asked.begin(), asked.end(), here.begin(), here.end(), std::back_inserter(missing));
    if (missing.empty()) return;
    errors.push_back(
        {std::move(field),
         fmt::format("\"{}\" names {}, where this daemon may not run; it may on {}", util::format_cpu_list(asked),
                     util::format_cpu_list(missing), util::format_cpu_list(here)),
         Reason::out_of_range});
  };
  const auto leaves = leaves_of(spec);
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const auto streams = run::streams_of(leaves[i].stage);
    for (std::size_t k = 0; k < streams.size() && leaves[i].first == i; ++k) {
      look(streams[k].io.workload.cpus_allowed, fmt::format("{}/streams/{}/workload/cpus_allowed", leaves[i].field, k));
    }
  }
  return errors;
}

std::vector<FieldError> check(const JobSpec& spec) {
  auto errors = check_spec(spec);
  return errors.empty() ? check_host(spec) : errors;
}

std::string target_pointer(std::size_t index) {
  return fmt::format("targets/{}", index);
}

Error combine(std::vector<FieldError> details) {
  Error error;
  error.code = util::code_of(details);
  for (const auto& detail : details) error.message += (error.message.empty() ? "" : "; ") + detail.detail;
  error.details = std::move(details);
  return error;
}

// How long one target keeps the next from its turn: they are taken in order as long as they answer.
constexpr util::Nanos kTurn = util::kSecond / 10;

class Planner {
 public:
  Planner(device::TargetAdmission& admission, const JobSpec& spec, const std::string& job_id)
      : admission_(admission),
        spec_(spec),
        request_{access_for(spec), job_id, std::make_shared<device::BlockTopology>(admission.host()),
                 util::system_clock().now() + device::Lookout::kLimit},
        together_(spec, request_.access),
        devices_(spec.targets.size()) {}

  util::Result<JobPlan> run() {
    // While a target may be refused, nothing is created for the others.
    for (const auto step : {&Planner::hold_all, &Planner::create_missing, &Planner::confirm_all}) {
      (this->*step)();
      if (!errors_.empty()) return tl::unexpected(combine(std::move(errors_)));
    }
    JobPlan plan{spec_, {}, {}};
    auto stages = std::make_shared<std::vector<run::StageSpec>>();
    for (const Leaf& leaf : together_.leaves()) stages->push_back(leaf.stage);
    plan.stages = std::move(stages);
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
    if (const auto refusal = together_.add(held->facts)) {
      return refuse(i, device::refusal_error(spec_.targets[i], {*refusal}));
    }
    run::DevicePlan& device = devices_[i].emplace();
    device.number = i;
    device.stages = together_.stages_on(held->facts, errors_);
    device.target = std::move(*held);
  }

  void create_missing() {
    for (std::size_t i = 0; i < devices_.size(); ++i) {
      run::DevicePlan& device = *devices_[i];
      if (device.target.facts.exists) continue;
      auto step = run::begin_to_create(admission_, device.target, request_);
      if (auto status = run::end_step(step, device.target, request_.until); !status) return refuse(i, status.error());
      device.stages = together_.stages_on(device.target.facts, errors_);
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
  JointCheck together_;
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

// What the stages would be on a target that may be used.
void enter_stages(const JointCheck& together, PlanEntry& entry) {
  const auto plans = together.stages_on(entry.facts, entry.errors);
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const run::StageSpec& stage = together.leaves()[i].stage;
    StageEntry& out = entry.stages.emplace_back();
    out.name = stage.name;
    out.range = plans[i].range();
    out.workers = run::workers_of(stage);
    for (std::size_t k = 0; k < plans[i].streams.size(); ++k) {
      const auto& range = plans[i].streams[k].range;
      if (range.size != 0) out.blocks += workload::requests_in(run::streams_of(stage)[k].io.workload, range);
    }
    if (!entry.errors.empty()) continue;
    if (const auto estimate = estimate_stage(stage, plans[i], entry.facts)) {
      out.estimated_seconds = estimate->seconds;
      out.estimate_is_rough = estimate->is_rough;
    }
  }
}

}  // namespace

std::vector<run::StagePlan> stages_on(const JobSpec& spec, const device::TargetFacts& facts) {
  std::vector<FieldError> none;
  return JointCheck(spec, access_for(spec)).stages_on(facts, none);
}

util::Result<std::vector<device::TargetFacts>> check_to_wait(const device::TargetAdmission& admission,
                                                             const JobSpec& spec) {
  const PlanReport report = report_plan(admission, spec);
  std::vector<FieldError> errors = report.errors;
  std::vector<device::TargetFacts> out;
  for (std::size_t i = 0; i < report.targets.size(); ++i) {
    const PlanEntry& entry = report.targets[i];
    for (const auto& refusal : entry.refusals) {
      for (auto& detail : device::refusal_error(spec.targets.at(i), {refusal}).details) {
        errors.push_back({target_pointer(i), detail.detail, detail.reason});
      }
    }
    errors.insert(errors.end(), entry.errors.begin(), entry.errors.end());
    out.push_back(entry.facts);
  }
  if (!errors.empty()) return tl::unexpected(combine(std::move(errors)));
  return out;
}

PlanReport report_plan(const device::TargetAdmission& admission, const JobSpec& spec) {
  PlanReport report;
  report.errors = check(spec);
  if (!report.errors.empty()) return report;
  device::Access access = access_for(spec);
  access.try_to_open = true;
  JointCheck together(spec, access);
  for (auto& inspection : inspect_all(admission, spec, access)) {
    PlanEntry entry;
    entry.facts = std::move(inspection.facts);
    entry.refusals = std::move(inspection.refusals);
    // That another job has it is what such a job waits for.
    if (spec.queue && entry.facts.exists && !admission.job_holding(entry.facts).empty()) {
      std::erase_if(entry.refusals, [](const device::Refusal& refusal) { return refusal.reason == Reason::busy; });
    }
    if (entry.refusals.empty()) {
      if (auto refusal = together.add(entry.facts)) entry.refusals.push_back(std::move(*refusal));
    }
    if (entry.refusals.empty()) enter_stages(together, entry);
    report.targets.push_back(std::move(entry));
  }
  return report;
}

}  // namespace spliced::plan
