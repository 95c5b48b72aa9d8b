// SPDX-License-Identifier: Apache-2.0
#include "document.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "form/figures_form.h"
#include "form/figures_reader.h"
#include "form/record.h"
#include "form/render.h"
#include "spliced/util/units.h"

namespace spliced::results {

using form::Json;
using form::object_in;
using form::read_member;

namespace {

std::string dumped(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json signer_of(const std::optional<SigningKey>& key) {
  if (!key) return nullptr;
  const Signer& signer = key->signer();
  return {{"name", form::text_or_null(signer.name)}, {"key_id", signer.id}, {"public_key", signer.public_key}};
}

}  // namespace

// A line for each member and each device: what is between them is for machines.
Writer::Writer(const Json& job, std::size_t devices, const Maker& maker, util::WallTime now,
               std::optional<SigningKey> key)
    : key_(std::move(key)) {
  const Json head = {{"format", kFormat},
                     {"made_by", {{"name", "spliced"}, {"version", maker.version}, {"revision", maker.revision}}},
                     {"made_at", util::format_time(now)},
                     {"host", {{"name", maker.host}, {"kernel", maker.kernel}}},
                     {"signer", signer_of(key_)},
                     {"device_count", devices},
                     {"job", job}};
  for (const auto& [name, value] : head.items())
    head_ += fmt::format("{}\n  {}: {}", head_.empty() ? "{" : ",", dumped(Json(name)), dumped(value));
}

std::string Writer::sealed(std::string text) {
  sealer_.add(text);
  return text;
}

std::string Writer::begin() {
  return sealed(head_ + ",\n  \"devices\": [");
}

std::string Writer::begin_device(const Json& device) {
  std::string text = dumped(device);
  text.pop_back();
  any_stage_ = false;
  return sealed(fmt::format("{}\n    {},\"stages\":[", std::exchange(any_, true) ? "," : "", text));
}

std::string Writer::stage(const Json& stage) {
  return sealed(fmt::format("{}\n      {}", std::exchange(any_stage_, true) ? "," : "", dumped(stage)));
}

std::string Writer::end_device() {
  return sealed("]}");
}

std::string Writer::end() {
  std::string out = sealed(any_ ? "\n  ]" : "]");
  return out + sealer_.end(key_ ? &*key_ : nullptr);
}

namespace {

Json identity_of(const device::TargetFacts& facts) {
  return {{"wwn", form::text_or_null(facts.info.wwn)},
          {"vendor", form::text_or_null(facts.info.vendor)},
          {"model", form::text_or_null(facts.info.model)},
          {"serial", form::text_or_null(facts.info.serial)},
          {"revision", form::text_or_null(facts.info.revision)},
          {"transport", form::text_or_null(facts.info.transport)},
          {"rotational", facts.info.rotational},
          {"capacity_bytes", facts.size}};
}

Json peers_of(const std::optional<verdict::Peers>& peers) {
  if (!peers) return nullptr;
  return {{"complete", peers->complete},
          {"count", peers->count},
          {"deviation", form::number_or_null(peers->deviation)},
          {"stage", peers->stage}};
}

std::optional<verdict::Peers> read_peers(const Json& from) {
  if (from.empty()) return std::nullopt;
  verdict::Peers out;
  std::uint64_t count = 0;
  read_member(from, "complete", out.complete);
  read_member(from, "count", count);
  read_member(from, "deviation", out.deviation);
  read_member(from, "stage", out.stage);
  out.count = count;
  return out;
}

void read_identity(const Json& from, device::TargetFacts& out) {
  read_member(from, "wwn", out.info.wwn);
  read_member(from, "vendor", out.info.vendor);
  read_member(from, "model", out.info.model);
  read_member(from, "serial", out.info.serial);
  read_member(from, "revision", out.info.revision);
  read_member(from, "transport", out.info.transport);
  read_member(from, "capacity_bytes", out.size);
}

}  // namespace

Json render_device(const verdict::DeviceSnapshot& device, const std::optional<run::OverTime>& over_time,
                   const std::optional<verdict::Peers>& peers) {
  Json out = form::render_run_alone(device);
  out["identity"] = identity_of(device.facts);
  out["peers"] = peers_of(peers);
  out[form::kRecord] = form::record_of_device(device);
  if (out["verify"].is_object()) out["verify"]["miscompares"] = Json::array();  // the stages have them
  out["over_time"] = over_time ? form::render_over_time(*over_time) : Json();
  return out;
}

Json render_stage(const run::StageSnapshot& stage, const std::optional<run::StageFigures>& figures) {
  Json out = form::render_stage(stage);
  out[form::kRecord] = form::record_of(stage);
  // One that has not begun may have left some before a crash.
  const bool has_any = figures && stage.state != run::State::pending;
  out["figures"] = has_any ? form::render_figures(*figures) : Json();
  return out;
}

Device read_device(const Json& from) {
  Device out;
  form::read_run(from, out.shown);
  form::read_device_record(object_in(from, form::kRecord), out.shown);
  read_identity(object_in(from, "identity"), out.shown.facts);
  out.peers = read_peers(object_in(from, "peers"));
  const Json& stages = form::array_in(from, "stages");
  for (std::size_t i = 0; i < stages.size(); ++i) {
    run::StageSnapshot& stage = out.shown.stages.at(i);
    form::read_record(object_in(stages[i], form::kRecord), stage);
    if (stage.state != run::State::pending) out.shown.shown.push_back({stage.name, stage.evidence});
    const Json& figures = object_in(stages[i], "figures");
    out.figures.push_back(figures.empty() ? std::nullopt : std::optional(form::read_figures(figures)));
  }
  return out;
}

}  // namespace spliced::results
