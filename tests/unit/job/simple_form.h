// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "spliced/job/record_form.h"
#include "unit/store/texts.h"

namespace spliced::testing {

inline constexpr const char* kFigures = "figures";

// Of a spec its name, of a device its name and state. What is read of its figures becomes its reason.
[[nodiscard]] inline job::RecordForm simple_form() {
  return {[](const plan::JobSpec& spec) { return spec.name; },
          [](const std::string& text) {
            plan::JobSpec spec;
            spec.name = text;
            return spec;
          },
          [](const job::DeviceSnapshot& device) {
            store::StoredDevice out;
            out.name = device.facts.name;
            out.state = job::state_name(device.state);
            out.figures = kFigures;
            return out;
          },
          [](const store::StoredDevice& device) {
            job::DeviceSnapshot out;
            out.facts.name = device.name;
            out.reason = device.figures;
            return out;
          },
          [](const std::function<util::Pieces()>& document, job::JobView view) {
            view.device = [text = text_of(document())](std::size_t) {
              job::DeviceSnapshot out;
              out.reason = text;
              return out;
            };
            return view;
          }};
}

}  // namespace spliced::testing
