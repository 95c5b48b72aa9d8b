// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "spliced/job/record_form.h"
#include "unit/store/texts.h"

namespace spliced::testing {

inline constexpr const char* kFigures = "figures";

// Of a spec its name, of a device its name and state. What is read of its figures becomes its reason.
[[nodiscard]] inline job::RecordForm simple_form() {
  job::RecordForm form;
  form.write_spec = [](const plan::JobSpec& spec) { return spec.name; };
  form.read_spec = [](const std::string& text) {
    plan::JobSpec spec;
    spec.name = text;
    return spec;
  };
  form.write_device = [](const job::DeviceSnapshot& device) {
    store::StoredDevice out;
    out.name = device.facts.name;
    out.state = job::state_name(device.state);
    out.figures = kFigures;
    return out;
  };
  form.read_device = [](const store::StoredDevice& device) {
    job::DeviceSnapshot out;
    out.facts.name = device.name;
    out.reason = device.figures;
    return out;
  };
  form.write_figures = [](const run::StageFigures& figures) { return figures.stage; };
  form.read_figures = [](const std::string& text) {
    run::StageFigures out;
    out.stage = text;
    return std::optional(out);
  };
  form.write_over_time = [](const run::OverTime& all) { return all.series.pack(); };
  form.read_over_time = [](const std::string& bytes) {
    auto series = figures::Series::unpack(bytes);
    return series ? std::optional(run::OverTime{{}, std::move(*series)}) : std::nullopt;
  };
  form.write_counts = [](const run::Checkpoint&) { return std::string(); };
  form.read_counts = [](const std::string&, run::Checkpoint&) { return false; };
  form.write_history = [](const std::vector<job::Interruption>&) { return std::string(); };
  form.read_history = [](const std::string&) { return std::vector<job::Interruption>(); };
  form.read_document = [](const std::function<util::Pieces()>& document, job::JobView view) {
    view.device = [text = text_of(document())](std::size_t) {
      job::DeviceSnapshot out;
      out.reason = text;
      return out;
    };
    return view;
  };
  return form;
}

}  // namespace spliced::testing
