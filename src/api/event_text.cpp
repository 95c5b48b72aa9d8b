// SPDX-License-Identifier: Apache-2.0
#include "event_text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "answers.h"
#include "spliced/util/units.h"

namespace spliced::api {

namespace {

// Without a line end: a text that had one would have its escape.
std::string data_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string event_text(const job::Event& event) {
  Json data = {{"id", event.id}, {"at", util::format_time(event.at)}, {"job", event.job}};
  if (event.kind != job::EventKind::forgotten) {
    data["state"] = job::state_name(event.state);
    data["verdict"] = form::verdict_of(event.verdict);
    data["reason"] = event.reason.empty() ? Json(nullptr) : Json(event.reason);
  }
  const job::EventPlace& place = event.place;
  if (!place.device.empty()) {
    data["device"] = place.device;
    data["stage"] = place.stage;
  }
  if (event.kind == job::EventKind::error || event.kind == job::EventKind::miscompare) {
    data["offset"] = place.offset;
    data[event.kind == job::EventKind::error ? "error" : "damage"] = place.what;
  }
  return fmt::format("id: {}\nevent: {}\ndata: {}\n\n", event.id,
                     job::kEventKindNames[static_cast<std::size_t>(event.kind)], data_of(data));
}

std::string progress_text(const job::JobSummary& job) {
  const Json data = {{"job", job.id},
                     {"state", job::state_name(job.state)},
                     {"progress", job.progress ? Json(*job.progress) : Json(nullptr)},
                     {"errors", job.errors ? Json(*job.errors) : Json(nullptr)}};
  return fmt::format("event: progress\ndata: {}\n\n", data_of(data));
}

std::string lost_text(std::uint64_t events) {
  return fmt::format("event: lost\ndata: {{\"events\": {}}}\n\n", events);
}

}  // namespace spliced::api
