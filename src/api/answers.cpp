// SPDX-License-Identifier: Apache-2.0
#include "answers.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "http/message.h"
#include "spliced/util/units.h"

namespace spliced::api {

using form::number_or_null;
using form::render_spec;
using form::text_or_null;
using form::verdict_of;
using job::JobSnapshot;

namespace {

Json time_or_null(const std::optional<job::WallTime>& when) {
  if (!when) return nullptr;
  return util::format_time(*when);
}

Json field_errors(const std::vector<util::FieldError>& errors) {
  Json list = Json::array();
  for (const auto& error : errors) {
    list.push_back({{"pointer", error.pointer},
                    {"detail", error.detail},
                    {"type", http::problem_type(util::reason_name(error.reason))}});
  }
  return list;
}

Json position_of(std::size_t position) {
  return position == 0 ? Json() : Json(position);
}

Json render_interruptions(const std::vector<job::Interruption>& all) {
  Json out = Json::array();
  for (const auto& one : all)
    out.push_back({{"from", util::format_time(one.from)}, {"until", time_or_null(one.until)}});
  return out;
}

}  // namespace

Json render_head(const JobSnapshot& job) {
  Json out = {{"id", job.id},
              {"run_id", text_or_null(job.run_id)},
              {"state", job::state_name(job.state)},
              {"verdict", verdict_of(job.verdict)},
              {"reason", text_or_null(job.reason)},
              {"created_at", util::format_time(job.created_at)},
              {"created_by", text_or_null(job.created_by)},
              {"started_at", time_or_null(job.started_at)},
              {"ended_at", time_or_null(job.ended_at)}};
  out["elapsed_seconds"] = nullptr;
  if (job.elapsed) out["elapsed_seconds"] = static_cast<double>(*job.elapsed) / 1e9;
  out["queue_position"] = position_of(job.queue_position);
  out["repeat_from"] = time_or_null(job.repeat_from);
  out["interruptions"] = render_interruptions(job.interruptions);
  out.update(render_spec(job.spec));
  return out;
}

Json render_summary(const job::JobSummary& job) {
  Json out = {{"id", job.id},
              {"name", job.name},
              {"state", job::state_name(job.state)},
              {"verdict", verdict_of(job.verdict)},
              {"reason", text_or_null(job.reason)},
              {"created_at", util::format_time(job.created_at)},
              {"created_by", text_or_null(job.created_by)},
              {"started_at", time_or_null(job.started_at)},
              {"ended_at", time_or_null(job.ended_at)},
              {"queue_position", position_of(job.queue_position)},
              {"destructive", nullptr},
              {"progress", nullptr},
              {"errors", nullptr},
              {"target_count", job.target_count},
              {"targets", job.targets},
              {"device_count", job.device_count},
              {"devices", job.devices}};
  if (job.destructive) out["destructive"] = *job.destructive;
  if (job.progress) out["progress"] = *job.progress;
  if (job.errors) out["errors"] = *job.errors;
  return out;
}

namespace {

Json planned_stages(const plan::PlanEntry& entry) {
  Json list = Json::array();
  for (const auto& stage : entry.stages) {
    list.push_back({{"name", stage.name},
                    {"offset_bytes", stage.range.offset},
                    {"size_bytes", stage.range.size},
                    {"blocks", stage.blocks},
                    {"workers", stage.workers},
                    {"estimated_seconds", number_or_null(stage.estimated_seconds)},
                    {"estimate_is_rough", stage.estimate_is_rough}});
  }
  return list;
}

std::vector<workload::BlockRange> ranges_of(const plan::PlanEntry& entry) {
  std::vector<workload::BlockRange> out;
  for (const auto& stage : entry.stages) out.push_back(stage.range);
  return out;
}

std::uint64_t blocks_of(const plan::PlanEntry& entry) {
  std::uint64_t out = 0;
  for (const auto& stage : entry.stages) out += stage.blocks;
  return out;
}

// At the same time.
std::size_t workers_of(const plan::PlanEntry& entry) {
  std::size_t most = 0;
  for (const auto& stage : entry.stages) most = std::max(most, stage.workers);
  return most;
}

// Of all stages, if it is known of each.
std::optional<double> estimate_of(const plan::PlanEntry& entry) {
  if (entry.stages.empty()) return std::nullopt;
  double sum = 0;
  for (const auto& stage : entry.stages) {
    if (!stage.estimated_seconds) return std::nullopt;
    sum += *stage.estimated_seconds;
  }
  return sum;
}

bool is_rough(const plan::PlanEntry& entry) {
  return std::any_of(entry.stages.begin(), entry.stages.end(), [](auto& stage) { return stage.estimate_is_rough; });
}

}  // namespace

Json render_plan(const plan::PlanReport& report, const plan::JobSpec& spec) {
  Json targets = Json::array();
  for (const auto& entry : report.targets) {
    Json refused = Json::array();
    Json reasons = Json::array();
    for (const auto& refusal : entry.refusals) {
      refused.push_back(refusal.text);
      reasons.push_back(http::problem_type(util::reason_name(refusal.reason)));
    }
    const workload::BlockRange whole = run::whole_of(ranges_of(entry));
    targets.push_back({{"target", entry.facts.given},
                       {"device", entry.facts.name},
                       {"path", entry.facts.path},
                       {"would_create", !entry.facts.exists && entry.refusals.empty()},
                       {"capacity_bytes", entry.facts.size},
                       {"alignment_bytes", entry.facts.alignment},
                       {"offset_bytes", whole.offset},
                       {"size_bytes", whole.size},
                       {"blocks", blocks_of(entry)},
                       {"workers", workers_of(entry)},
                       {"stages", planned_stages(entry)},
                       {"estimated_seconds", number_or_null(estimate_of(entry))},
                       {"estimate_is_rough", is_rough(entry)},
                       {"refusals", refused},
                       {"reasons", reasons},
                       {"errors", field_errors(entry.errors)}});
  }
  return {{"accepted", report.accepted()},
          {"errors", field_errors(report.errors)},
          {"spec", render_spec(spec)},
          {"targets", targets}};
}

Json render_device(const job::DeviceStatus& device) {
  Json zoned = nullptr;
  if (const auto& zones = device.facts.zoned) {
    zoned = {{"model", zones->model},           {"zone_bytes", zones->zone_bytes},
             {"zones", zones->zones},           {"max_open", zones->max_open},
             {"max_active", zones->max_active}, {"write_granularity", zones->write_granularity}};
  }
  return {{"device", device.facts.name},
          {"path", device.facts.path},
          {"capacity_bytes", device.facts.size},
          {"alignment_bytes", device.facts.alignment},
          {"read_only", device.read_only},
          {"wwn", text_or_null(device.facts.info.wwn)},
          {"model", text_or_null(device.facts.info.model)},
          {"serial", text_or_null(device.facts.info.serial)},
          {"revision", text_or_null(device.facts.info.revision)},
          {"transport", text_or_null(device.facts.info.transport)},
          {"rotational", device.facts.info.rotational},
          {"zoned", zoned},
          {"may_write", device.refusals.empty()},
          {"refusals", device.refusals},
          {"job", text_or_null(device.job)}};
}

Json render_capabilities(const engine::Capabilities& caps) {
  const auto probe = [](const engine::PathProbe& result) {
    Json error = nullptr;
    if (!result.works) error = util::errno_name(result.error);
    return Json{{"works", result.works}, {"errno", error}};
  };
  Json paths;
  for (std::size_t i = 0; i < caps.read_paths.size(); ++i) {
    paths[std::string(engine::kReadPathNames[i])] = probe(caps.read_paths[i]);
  }
  Json sizes = Json::array();
  for (const auto& [asked, obtained] : caps.pipe_sizes) {
    sizes.push_back({{"asked_bytes", asked}, {"obtained_bytes", obtained}});
  }
  Json engines = Json::array();
  for (std::size_t i = 0; i < engine::kKinds; ++i) engines.push_back(engine::kind_at(i).name());
  return {{"kernel_release", caps.kernel_release},
          {"read_paths", paths},
          {"vmsplice_write", probe(caps.vmsplice_write)},
          {"vmsplice_aliases_pages", caps.vmsplice_aliases_pages},
          {"vmsplice_read_copies", caps.vmsplice_read_copies},
          {"one_byte_calls_to_fill_pipe", caps.one_byte_calls_to_fill},
          {"array_slots_per_page", caps.array_slots_per_page},
          {"pipe_sizes", sizes},
          {"default_pipe_bytes", caps.default_pipe_bytes},
          {"largest_pipe_bytes", caps.largest_pipe_bytes},
          {"pipe_max_size", caps.pipe_max_size},
          {"pipe_user_pages_soft", caps.pipe_user_pages_soft},
          {"engines", engines},
          {"preferred_engine", caps.preferred_engine},
          {"advice", caps.advice}};
}

}  // namespace spliced::api
