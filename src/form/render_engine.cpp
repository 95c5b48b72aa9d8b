// SPDX-License-Identifier: Apache-2.0
#include "render_engine.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "spliced/util/names.h"

namespace spliced::form {

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

namespace {

template <class Names>
std::optional<std::size_t> index_in(const Names& names, const Json& text) {
  return text.is_string() ? util::index_of(names, text.get_ref<const std::string&>()) : std::nullopt;
}

void read_readings(const engine::Kind& kind, const Json& engine, StageSnapshot& out) {
  for (std::size_t i = 0; i < kind.readings().size(); ++i) {
    const engine::Reading& reading = kind.readings()[i];
    const auto found = engine.find(reading.name);
    if (found == engine.end()) continue;
    if (reading.of) out.asked_for[static_cast<std::size_t>(*reading.of)] = !found->is_null();
    if (found->is_number_unsigned() && reading.texts.empty()) out.engine_state.values[i] = found->get<std::uint64_t>();
    if (const auto value = index_in(reading.texts, *found)) out.engine_state.values[i] = *value;
  }
}

engine::Setting setting_in(const engine::Kind& kind, const Json& described) {
  std::vector<engine::NamedValue> values;
  for (const auto& [name, value] : described.items()) {
    if (value.is_number_unsigned()) values.push_back({name, value.get<std::uint64_t>()});
  }
  return kind.setting_of(values);
}

void read_tuning(const engine::Kind& kind, const Json& list, StageSnapshot& out) {
  for (const Json& entry : list) {
    if (!entry.is_object()) continue;
    run::TuningSnapshot& tuning = out.tuning.emplace_back();
    tuning.setting = setting_in(kind, entry);
    if (const auto direction = index_in(engine::kDirectionNames, entry.value("direction", Json()))) {
      tuning.direction = static_cast<engine::Direction>(*direction);
    }
    if (const auto source = index_in(run::kTuningSourceNames, entry.value("source", Json()))) {
      tuning.source = static_cast<run::TuningSource>(*source);
    }
    for (const Json& tried : entry.value("tried", Json::array())) {
      if (!tried.is_object()) continue;
      const Json rate = tried.value("bytes_per_second", Json());
      tuning.tried.push_back({setting_in(kind, tried), rate.is_number() ? rate.get<double>() : 0});
    }
  }
}

bool is_the_same(const engine::Event& event, const Json& entry) {
  if (entry.value("event", Json()) != event.family->event) return false;
  for (std::size_t i = 0; i < event.values.size() && !event.family->labels[i].empty(); ++i) {
    if (entry.value(std::string(event.family->labels[i]), Json()) != event.values[i]) return false;
  }
  return true;
}

void read_events(const engine::Kind& kind, const Json& list, std::array<std::uint64_t, engine::kMaxEvents>& counts) {
  for (const Json& entry : list) {
    if (!entry.is_object()) continue;
    const auto found = std::find_if(kind.events().begin(), kind.events().end(),
                                    [&](auto& event) { return is_the_same(event, entry); });
    const Json count = entry.value("count", Json());
    if (found == kind.events().end() || !count.is_number_unsigned()) continue;
    counts[static_cast<std::size_t>(found - kind.events().begin())] = count.get<std::uint64_t>();
  }
}

}  // namespace

void read_engine_figures(const Json& engine, StageSnapshot& out) {
  if (!engine.is_object()) return;
  for (std::size_t i = 0; i < engine::kKinds; ++i) {
    if (engine.value("kind", Json()) == engine::kind_at(i).name()) out.engine_state.kind = i;
  }
  const std::size_t at = out.engine_state.kind;
  const engine::Kind& kind = engine::kind_at(at);
  out.engine.ran[at] = true;
  read_readings(kind, engine, out);
  read_tuning(kind, engine.value("tuning", Json::array()), out);
  read_events(kind, engine.value("events", Json::array()), out.engine.events[at]);
}

Json restore_engine(const Json& splice) {
  Json out = {{"kind", "splice"},
              {"read_path", splice.value("read_path", Json())},
              {"pipe_size_bytes", splice.value("pipe_size_bytes", Json(0))},
              {"tuning", splice.value("tuning", Json::array())},
              {"events", Json::array()}};
  for (const Json& fallback : splice.value("fallbacks", Json::array())) {
    Json entry = {{"event", "fallback"}};
    if (fallback.is_object()) entry.update(fallback);
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

}  // namespace spliced::form
