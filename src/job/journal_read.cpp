// SPDX-License-Identifier: Apache-2.0
// What was written down, read again.
#include <optional>
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
std::optional<std::string> Journal::find_figures(const std::string& job, std::size_t device, int stage) {
  auto waiting = figures_.find(job, device, stage);
  return waiting ? waiting : setup_.store.record(job)->figures(device, stage);
}

std::optional<run::StageFigures> Journal::figures(const std::string& job, std::size_t device, std::size_t stage) {
  const auto body = find_figures(job, device, static_cast<int>(stage));
  return body ? setup_.form.read_figures(*body) : std::nullopt;
}

std::optional<run::OverTime> Journal::over_time(const std::string& job, std::size_t device) {
  const auto body = find_figures(job, device, store::StoredFigures::kOverTime);
  return body ? setup_.form.read_over_time(*body) : std::nullopt;
}

}  // namespace spliced::job
