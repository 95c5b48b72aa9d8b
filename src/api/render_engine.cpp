// SPDX-License-Identifier: Apache-2.0
#include "render_engine.h"

#include <nlohmann/json.hpp>

namespace spliced::api {

using run::StageSnapshot;

namespace {

Json setting_of(const engine::Kind& kind, const engine::Setting& setting) {
  Json out = Json::object();
  for (const engine::NamedValue& one : kind.describe(setting)) out[std::string(one.name)] = one.value;
  return out;
}

std::string why(const run::TuningSnapshot& tuning) {
  switch (tuning.source) {
    case run::TuningSource::untried: return "not measured: the job has done too little of this so far";
    case run::TuningSource::job: return "the job says so";
    case run::TuningSource::only_choice: return "there is nothing to choose from for this job";
    case run::TuningSource::measured:
      return "of what was tried at the start of this job, the fastest that beat the first by more than chance, else "
             "the first";
    case run::TuningSource::inconclusive:
      return "the device is too slow, or fails too often, to tell in the time that is worth it; the usual is used";
    case run::TuningSource::remembered: break;
  }
  return "measured by an earlier job of the same kind on this device";
}

Json tuning_of(const engine::Kind& kind, const StageSnapshot& device) {
  Json list = Json::array();
  for (const auto& tuning : device.tuning) {
    Json entry = setting_of(kind, tuning.setting);
    entry["direction"] = engine::kDirectionNames[engine::index_of(tuning.direction)];
    entry["source"] = run::kTuningSourceNames[static_cast<std::size_t>(tuning.source)];
    entry["why"] = why(tuning);
    entry["tried"] = Json::array();
    for (const auto& tried : tuning.tried) {
      Json one = setting_of(kind, tried.setting);
      one["bytes_per_second"] = tried.bytes_per_second;
      entry["tried"].push_back(std::move(one));
    }
    list.push_back(std::move(entry));
  }
  return list;
}

// Those that have happened.
Json events_of(const engine::Kind& kind, std::span<const std::uint64_t> counts) {
  Json list = Json::array();
  for (std::size_t i = 0; i < kind.events().size(); ++i) {
    const engine::Event& event = kind.events()[i];
    if (counts[i] == 0) continue;
    Json entry = {{"event", event.family->event}};
    for (std::size_t label = 0; label < event.values.size() && !event.family->labels[label].empty(); ++label) {
      entry[std::string(event.family->labels[label])] = event.values[label];
    }
    entry["count"] = counts[i];
    list.push_back(std::move(entry));
  }
  return list;
}

Json reading_of(const engine::Reading& reading, const StageSnapshot& device, std::uint64_t value) {
  if (reading.of && !device.asked_for[static_cast<std::size_t>(*reading.of)]) return nullptr;
  if (reading.texts.empty()) return value;
  return reading.texts[value];
}

}  // namespace

Json render_engine(const StageSnapshot& device) {
  const engine::Kind& kind = engine::kind_at(device.engine_state.kind);
  Json out = {{"kind", kind.name()}};
  for (std::size_t i = 0; i < kind.readings().size(); ++i) {
    const engine::Reading& reading = kind.readings()[i];
    out[std::string(reading.name)] = reading_of(reading, device, device.engine_state.values[i]);
  }
  out["tuning"] = tuning_of(kind, device);
  out["events"] = events_of(kind, device.engine.events[device.engine_state.kind]);
  return out;
}

Json restore_engine(const Json& splice) {
  Json out = {{"kind", "splice"},
              {"read_path", splice.value("read_path", Json())},
              {"pipe_size_bytes", splice.value("pipe_size_bytes", Json(0))},
              {"tuning", splice.value("tuning", Json::array())},
              {"events", Json::array()}};
  for (const Json& fallback : splice.value("fallbacks", Json::array())) {
    Json entry = {{"event", "fallback"}};
    entry.update(fallback);
    out["events"].push_back(std::move(entry));
  }
  for (const auto& [member, event] :
       {std::pair("retries", "retry"), {"short_transfers", "short_transfer"}, {"pipe_resets", "pipe_reset"}}) {
    if (const Json count = splice.value(member, Json(0)); count != 0) {
      out["events"].push_back({{"event", event}, {"count", count}});
    }
  }
  return out;
}

}  // namespace spliced::api
