// SPDX-License-Identifier: Apache-2.0
// What was written down, read again.
#include <map>
#include <utility>

#include "journal.h"

namespace spliced::job {

util::Result<JobView> Journal::read(JobView view) {
  const auto record = write_behind_.record(view.head.id);
  try {
    if (const auto spec = record->spec()) {
      std::string name = std::move(view.head.spec.name);
      view.head.spec = setup_.form.read_spec(*spec);
      view.head.spec.name = std::move(name);
      view.device = [record, read = setup_.form.read_device](std::size_t i) { return read(record->device(i)); };
    } else {
      view = setup_.form.read_document([record] { return record->document(); }, std::move(view));
    }
  } catch (const std::exception& error) {
    return util::fail(util::Errc::unavailable, error.what());
  }
  view.device = [device = std::move(view.device), job = view.head.state](std::size_t i) {
    DeviceSnapshot out = device(i);
    run::settle(out, job);
    return out;
  };
  return view;
}

// What waits is looked at first: what the store takes meanwhile is in both.
run::DeviceFigures Journal::figures(const std::string& job, std::size_t device) {
  std::map<int, std::string> bodies = figures_.of(job, device);  // newer, where there are both
  const auto stored = setup_.store.record(job)->figures(device);
  for (const store::StoredFigures& one : stored) bodies.emplace(one.stage, one.body);
  run::DeviceFigures out;
  for (const auto& [stage, body] : bodies) {
    if (stage == store::StoredFigures::kOverTime) {
      out.over_time = setup_.form.read_over_time(body);
    } else if (auto read = setup_.form.read_figures(body)) {
      out.stages[static_cast<std::size_t>(stage)] = std::move(*read);
    }
  }
  return out;
}

}  // namespace spliced::job
