// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "spliced/job/snapshot.h"
#include "spliced/run/checkpoint.h"
#include "spliced/run/stage_figures.h"
#include "spliced/store/job_store.h"

namespace spliced::job {

// How a job is written down, and read again: the form is the API's affair. Thread-safe. What cannot be read is left at
// its default.
struct RecordForm {
  std::function<std::string(const JobSpec&)> write_spec;
  std::function<JobSpec(const std::string&)> read_spec;
  std::function<store::StoredDevice(const DeviceSnapshot&)> write_device;
  std::function<DeviceSnapshot(const store::StoredDevice&)> read_device;
  // What a checkpoint knows beside the cursors of its streams; false: it is of another version, or damaged.
  std::function<std::string(const run::Checkpoint&)> write_counts;
  std::function<bool(const std::string&, run::Checkpoint&)> read_counts;
  std::function<std::string(const run::StageFigures&)> write_figures;
  std::function<std::optional<run::StageFigures>(const std::string&)> read_figures;  // none: as above
  std::function<std::string(const run::OverTime&)> write_over_time;
  std::function<std::optional<run::OverTime>(const std::string&)> read_over_time;
  std::function<std::string(const std::vector<Interruption>&)> write_history;
  std::function<std::vector<Interruption>(const std::string&)> read_history;
  // Of a job that an earlier version stored as one document: `view` with what that says. May throw
  // std::runtime_error, and so may its device().
  std::function<JobView(std::function<util::Pieces()> document, JobView view)> read_document;
};

}  // namespace spliced::job
