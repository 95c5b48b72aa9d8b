// SPDX-License-Identifier: Apache-2.0
#include "record_form.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "form/checkpoint_form.h"
#include "form/figures_form.h"
#include "form/figures_reader.h"
#include "form/record.h"
#include "form/render.h"
#include "form/spec_reader.h"
#include "spliced/util/boot.h"
#include "spliced/util/names.h"
#include "stored_text.h"

namespace spliced::api {

using form::array_in;
using form::Json;
using form::object_in;
using form::read_member;
using job::DeviceSnapshot;
using job::JobSnapshot;
using job::JobView;
using run::StageSnapshot;
using store::StoredDevice;
using store::StoredPlace;

namespace {

std::string text_of(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}
Json parsed(const std::string& text) {
  Json out = Json::parse(text, nullptr, false);
  return out.is_object() ? out : Json::object();
}

std::int64_t milliseconds_of(util::WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}
util::WallTime time_of(const Json& milliseconds) {
  return util::WallTime(std::chrono::milliseconds(milliseconds.get<std::int64_t>()));
}

std::string write_history(const std::vector<job::Interruption>& interruptions) {
  Json out = Json::array();
  for (const auto& [from, until, paused] : interruptions) {
    out.push_back({milliseconds_of(from), until ? Json(milliseconds_of(*until)) : Json(), paused});
  }
  return text_of(out);
}
std::vector<job::Interruption> read_history(const std::string& text) try {
  std::vector<job::Interruption> out;
  for (const Json& one : text.empty() ? Json::array() : Json::parse(text)) {
    job::Interruption& interruption = out.emplace_back();
    interruption.from = time_of(one.at(0));
    if (!one.at(1).is_null()) interruption.until = time_of(one.at(1));
    interruption.paused = one.at(2).get<bool>();
  }
  return out;
} catch (const Json::exception&) {
  return {};
}

// Errors have rows of their own.
void take_errors_out(Json& figures, const StageSnapshot& stage, StoredPlace place, StoredDevice& out) {
  figures.erase("errors");
  figures[form::kRecord] = form::record_of(stage);
  for (const auto& error : stage.errors) {
    out.errors.push_back({place, std::string(util::op_name(error.op)), error.error, error.offset, error.length,
                          error.count, error.message});
  }
}

std::vector<run::ErrorEntry> errors_at(StoredPlace place, const StoredDevice& device) {
  std::vector<run::ErrorEntry> out;
  for (const auto& error : device.errors) {
    if (error.place != place) continue;
    run::ErrorEntry& entry = out.emplace_back();
    entry.op = util::named(util::kOpNames, error.op, entry.op);
    entry.offset = error.offset;
    entry.length = error.length;
    entry.error = error.error;
    entry.count = error.count;
    entry.message = error.message;
  }
  return out;
}

// In the order of the stages, as a device lists them.
std::vector<run::ErrorEntry> errors_of_stages(const DeviceSnapshot& device) {
  std::vector<run::ErrorEntry> out;
  for (const StageSnapshot& stage : device.stages) out.insert(out.end(), stage.errors.begin(), stage.errors.end());
  return out;
}
// Then they need no rows of their own.
bool are_those_of_the_stages(const DeviceSnapshot& device) {
  const auto same = [](const run::ErrorEntry& a, const run::ErrorEntry& b) {
    return std::tie(a.op, a.offset, a.length, a.error, a.count, a.message) ==
           std::tie(b.op, b.offset, b.length, b.error, b.count, b.message);
  };
  const auto all = errors_of_stages(device);
  return std::equal(all.begin(), all.end(), device.errors.begin(), device.errors.end(), same);
}

StoredDevice write_device(const DeviceSnapshot& device) {
  StoredDevice out;
  out.name = device.facts.name;
  out.path = device.facts.path;
  out.wwn = device.facts.info.wwn;
  out.serial = device.facts.info.serial;
  out.model = device.facts.info.model;
  out.revision = device.facts.info.revision;
  out.size = device.facts.size;
  out.state = job::state_name(device.state);
  out.verdict = job::kVerdictNames[static_cast<std::size_t>(device.verdict)];
  Json figures = form::render_run_alone(device);
  take_errors_out(figures, device, {}, out);
  if (are_those_of_the_stages(device)) out.errors.clear();
  figures[form::kRecord] = form::record_of_device(device);
  if (figures["verify"].is_object()) figures["verify"].erase("miscompares");  // the stages have them
  out.figures = text_of(figures);
  for (int i = 0; const StageSnapshot& stage : device.stages) {
    Json one = form::render_stage(stage);
    take_errors_out(one, stage, {i, -1}, out);
    for (int k = 0; const StageSnapshot& stream : stage.streams) {
      take_errors_out(one["streams"][static_cast<std::size_t>(k)], stream, {i, k}, out);
      ++k;
    }
    out.stages.push_back({stage.name, std::string(job::state_name(stage.state)), text_of(one)});
    ++i;
  }
  return out;
}

void read_stored_stage(const StoredDevice& device, int index, StageSnapshot& out) {
  const Json figures = parsed(device.stages[static_cast<std::size_t>(index)].figures);
  form::read_stage(figures, out);
  form::read_record(object_in(figures, form::kRecord), out);
  out.errors = errors_at({index, -1}, device);
  const Json& streams = array_in(figures, "streams");
  for (int k = 0; StageSnapshot & stream : out.streams) {
    form::read_record(object_in(streams[static_cast<std::size_t>(k)], form::kRecord), stream);
    stream.errors = errors_at({index, k}, device);
    ++k;
  }
}

DeviceSnapshot read_device(const StoredDevice& device) {
  DeviceSnapshot out;
  const Json figures = parsed(device.figures);
  form::read_run(figures, out);
  form::read_device_record(object_in(figures, form::kRecord), out);
  out.facts.name = device.name;
  out.facts.path = device.path;
  out.facts.info.wwn = device.wwn;
  out.facts.info.serial = device.serial;
  out.facts.info.model = device.model;
  out.facts.info.revision = device.revision;
  out.facts.size = device.size;
  for (int i = 0; i < static_cast<int>(device.stages.size()); ++i) {
    const StageSnapshot& stage = (read_stored_stage(device, i, out.stages.emplace_back()), out.stages.back());
    if (stage.state != run::State::pending) out.shown.push_back({stage.name, stage.evidence});
  }
  out.errors = errors_at({}, device);
  if (out.errors.empty()) out.errors = errors_of_stages(out);
  for (const StageSnapshot& stage : out.stages) {
    const auto& all = stage.verify.miscompares;
    out.verify.miscompares.insert(out.verify.miscompares.end(), all.begin(), all.end());
  }
  return out;
}

// A job that an earlier version stored as one document: its devices come in their order. From any thread.
class Document {
 public:
  explicit Document(std::function<util::Pieces()> open) : open_(std::move(open)) {}

  Json head() { return parsed(begin().head()); }
  DeviceSnapshot device(std::size_t index) {
    const std::lock_guard lock(mutex_);
    if (!text_ || index < at_) (void)begin().head();
    DeviceSnapshot out;
    for (; at_ <= index; ++at_) {
      const auto text = text_->device();
      if (text && at_ == index) form::read_run(parsed(*text), out);
    }
    return out;
  }

 private:
  StoredText& begin() {
    at_ = 0;
    return text_.emplace(open_());
  }
  const std::function<util::Pieces()> open_;
  std::mutex mutex_;  // guards the rest
  std::optional<StoredText> text_;
  std::size_t at_ = 0;
};

// The spec of a job that was recorded when splice was the only engine.
void restore_spec(Json& head) {
  if (!head.contains("splice")) return;
  Json engine = {{"kind", "splice"}};
  engine.update(object_in(head, "splice"));
  head["engine"] = std::move(engine);
}

JobView read_document(std::function<util::Pieces()> open, JobView view) {
  const auto document = std::make_shared<Document>(std::move(open));
  Json head = document->head();
  restore_spec(head);
  std::string name = std::move(view.head.spec.name);
  view.head.spec = form::read_recorded_spec(text_of(head));
  view.head.spec.name = std::move(name);
  std::optional<double> elapsed;
  read_member(head, "elapsed_seconds", elapsed);
  if (elapsed) view.head.elapsed = std::llround(*elapsed * 1e9);
  view.device = [document](std::size_t index) { return document->device(index); };
  return view;
}

}  // namespace

job::RecordForm record_form() {
  job::RecordForm out;
  out.write_spec = [](const plan::JobSpec& spec) { return text_of(form::render_spec(spec)); };
  out.read_spec = [](const std::string& text) { return form::read_recorded_spec(text); };
  out.write_device = write_device;
  out.read_device = read_device;
  out.write_counts = form::write_counts;
  out.read_counts = form::read_counts;
  out.write_figures = form::write_figures;
  out.read_figures = form::parse_figures;
  out.write_over_time = form::write_over_time;
  out.read_over_time = form::parse_over_time;
  out.write_history = write_history;
  out.read_history = read_history;
  out.read_document = read_document;
  return out;
}

}  // namespace spliced::api
