// SPDX-License-Identifier: Apache-2.0
#include "device_metrics.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "family_builder.h"

namespace spliced::metrics {

using job::Telemetry;
using totals::DeviceTelemetry;

namespace {

using Families = std::vector<prometheus::MetricFamily>;

std::string op_label(std::size_t op) {
  return std::string(util::kOpClassNames[op]);
}
constexpr std::size_t kSync = static_cast<std::size_t>(util::OpClass::sync);

bool moves_data(std::size_t op) {
  return op == static_cast<std::size_t>(util::OpClass::read) || op == static_cast<std::size_t>(util::OpClass::write);
}

double seconds_of(job::WallTime time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

// Of what is gone there is nothing to say but what it did.
bool is_there(const DeviceTelemetry& device) {
  return !device.gone || !device.job_id.empty();
}

bool asked_for(const DeviceTelemetry& device, util::OpClass op) {
  return device.totals.asked_for[static_cast<std::size_t>(op)];
}
bool has_run(const DeviceTelemetry& device) {
  const auto& asked = device.totals.asked_for;
  return std::any_of(asked.begin(), asked.end(), [](bool one) { return one; });
}

void collect_info(const Telemetry& telemetry, Families& out) {
  auto info = Family::gauge("spliced_device_info", "What is known of a device; always 1.");
  auto capacity = Family::gauge("spliced_device_capacity_bytes", "Size of a device or file in bytes.");
  auto state = Family::gauge("spliced_device_state", "1 for the state that a device is in, 0 for the others.");
  for (const DeviceTelemetry& device : telemetry.devices) {
    if (!is_there(device)) continue;
    const device::TargetFacts& facts = device.facts;
    info.add({{"device", facts.name},
              {"path", facts.path},
              {"wwn", facts.info.wwn},
              {"model", facts.info.model},
              {"serial", facts.info.serial},
              {"revision", facts.info.revision},
              {"rotational", facts.info.rotational ? "1" : "0"},
              {"transport", facts.info.transport}},
             1);
    capacity.add({{"device", facts.name}}, static_cast<double>(facts.size));
    for (std::size_t i = 0; i < run::kActivityNames.size(); ++i) {
      const bool current = static_cast<std::size_t>(device.activity) == i;
      state.add({{"device", facts.name}, {"state", std::string(run::kActivityNames[i])}}, current ? 1 : 0);
    }
  }
  info.finish(out);
  capacity.finish(out);
  state.finish(out);
}

// What the last run came to.
void collect_end(const Telemetry& telemetry, Families& out) {
  auto verdict =
      Family::gauge("spliced_device_last_verdict",
                    "1 for the verdict of the last run on a device since the daemon's start, 0 for the others.");
  auto end = Family::gauge("spliced_device_last_end_timestamp_seconds", "When the last run on a device ended.");
  for (const DeviceTelemetry& device : telemetry.devices) {
    if (!is_there(device) || !device.last_end) continue;
    for (std::size_t i = 1; i < job::kVerdictNames.size(); ++i) {
      const bool current = static_cast<std::size_t>(device.last_verdict) == i;
      verdict.add({{"device", device.facts.name}, {"verdict", std::string(job::kVerdictNames[i])}}, current ? 1 : 0);
    }
    end.add({{"device", device.facts.name}}, seconds_of(*device.last_end));
  }
  verdict.finish(out);
  end.finish(out);
}

// A series begins at 0 when a device is first to do such operations, so that nothing is counted before it is there.
void collect_io(const Telemetry& telemetry, Families& out) {
  auto bytes = Family::counter("spliced_io_bytes_total", "Bytes moved to or from a device.");
  auto operations = Family::counter("spliced_io_operations_total", "Operations completed without error.");
  auto errors = Family::counter("spliced_io_errors_total", "Operations that failed, by class of error.");
  auto duration = Family::histogram("spliced_io_duration_seconds",
                                    "Time that completed operations took; with a rate set, from when each was due.");
  for (const DeviceTelemetry& device : telemetry.devices) {
    std::array<std::uint64_t, run::kErrorClasses> failed{};
    for (std::size_t op = 0; op < util::kOpClasses; ++op) {
      const run::OpTotals& totals = device.totals.ops[op];
      for (std::size_t e = 0; e < run::kErrorClasses; ++e) failed[e] += totals.errors[e];
      if (!device.totals.asked_for[op]) continue;
      const Labels labels{{"device", device.facts.name}, {"op", op_label(op)}};
      if (op != kSync) bytes.add(labels, static_cast<double>(totals.bytes));
      operations.add(labels, static_cast<double>(totals.operations));
      if (!moves_data(op)) continue;
      duration.add_histogram(labels, duration_bounds(), totals.latency.cumulative(duration_bounds()),
                             totals.latency.count(), totals.latency.sum_seconds());
    }
    if (!has_run(device)) continue;
    for (std::size_t e = 0; e < run::kErrorClasses; ++e) {
      errors.add({{"device", device.facts.name}, {"error", std::string(run::kErrorClassNames[e])}},
                 static_cast<double>(failed[e]));
    }
  }
  bytes.finish(out);
  operations.finish(out);
  errors.finish(out);
  duration.finish(out);
}

void collect_cpu(const Telemetry& telemetry, Families& out) {
  auto wait = Family::counter("spliced_worker_cpu_wait_seconds_total",
                              "Time in which the workers of a device were ready to run and waited for a CPU.");
  for (const DeviceTelemetry& device : telemetry.devices) {
    if (!device.totals.cpu_wait_known) continue;
    wait.add({{"device", device.facts.name}}, static_cast<double>(device.totals.cpu_wait) / 1e9);
  }
  wait.finish(out);
}

void collect_checkpoints(const Telemetry& telemetry, Families& out) {
  auto flushing = Family::counter("spliced_checkpoint_flush_seconds_total",
                                  "Time in which a device was made to write its cache back for checkpoints.");
  auto age = Family::gauge("spliced_checkpoint_age_seconds", "Time since the last checkpoint of the running job.");
  for (const DeviceTelemetry& device : telemetry.devices) {
    const Labels labels{{"device", device.facts.name}};
    if (has_run(device)) flushing.add(labels, static_cast<double>(device.totals.flushing) / 1e9);
    if (is_there(device) && device.checkpoint_age) age.add(labels, *device.checkpoint_age);
  }
  flushing.finish(out);
  age.finish(out);
}

// Of a device whose data was ever to be checked.
void collect_verification(const Telemetry& telemetry, Families& out) {
  auto bytes =
      Family::counter("spliced_verify_bytes_total", "Bytes that were read and compared with what was written.");
  auto mismatches = Family::counter("spliced_verify_mismatches_total",
                                    "Intervals that did not hold what was written, by what they held.");
  auto suspect = Family::counter("spliced_verify_cache_suspect_bytes_total",
                                 "Bytes compared so soon after they were written that a cache may have answered.");
  auto faults = Family::counter("spliced_verify_host_faults_total",
                                "Data that this host itself made wrong, or took for wrong, by where.");
  auto ranges = Family::gauge("spliced_verify_indeterminate_ranges",
                              "Places of the running job of which nobody knows what they hold.");
  for (const DeviceTelemetry& device : telemetry.devices) {
    const run::VerifyTotals& verify = device.totals.verify;
    if (!verify.asked_for && verify.host_fault_count() == 0) continue;
    const Labels labels{{"device", device.facts.name}};
    bytes.add(labels, static_cast<double>(verify.bytes));
    suspect.add(labels, static_cast<double>(verify.cache_suspect_bytes));
    for (std::size_t i = 0; i < verify.mismatches.size(); ++i) {
      mismatches.add({{"device", device.facts.name}, {"kind", std::string(verify::kKindNames[i])}},
                     static_cast<double>(verify.mismatches[i]));
    }
    for (std::size_t i = 0; i < verify.host_faults.size(); ++i) {
      faults.add({{"device", device.facts.name}, {"fault", std::string(run::kHostFaultNames[i])}},
                 static_cast<double>(verify.host_faults[i]));
    }
    if (is_there(device)) ranges.add(labels, static_cast<double>(device.indeterminate_ranges));
  }
  bytes.finish(out);
  mismatches.finish(out);
  suspect.finish(out);
  faults.finish(out);
  ranges.finish(out);
}

void collect_moment(const Telemetry& telemetry, Families& out) {
  auto inflight = Family::gauge("spliced_io_inflight", "Operations that are in the kernel at this moment.");
  auto oldest = Family::gauge("spliced_io_oldest_inflight_seconds", "Age of the oldest operation in the kernel.");
  auto last = Family::gauge("spliced_io_last_completion_timestamp_seconds", "When an operation last completed.");
  auto progress = Family::gauge("spliced_job_progress_ratio", "Progress of the running job on a device, 0 to 1.");
  auto info = Family::gauge("spliced_job_info", "The job that runs on a device; always 1.");
  for (const DeviceTelemetry& device : telemetry.devices) {
    if (!is_there(device) || !has_run(device)) continue;
    const Labels labels{{"device", device.facts.name}};
    inflight.add(labels, static_cast<double>(device.inflight));
    oldest.add(labels, device.oldest_inflight_seconds);
    if (device.last_completion) last.add(labels, seconds_of(*device.last_completion));
    if (device.job_id.empty()) continue;
    progress.add(labels, device.progress);
    info.add({{"job_id", device.job_id}, {"device", device.facts.name}, {"name", device.job_name}}, 1);
  }
  inflight.finish(out);
  oldest.finish(out);
  last.finish(out);
  progress.finish(out);
  info.finish(out);
}

std::vector<std::pair<std::string, std::string>> labels_of(const engine::Event& event) {
  std::vector<std::pair<std::string, std::string>> out;
  for (std::size_t i = 0; i < event.values.size() && !event.family->labels[i].empty(); ++i) {
    const std::string_view name = event.family->labels[i];
    out.emplace_back(name == "errno" ? "reason" : name, event.values[i]);
  }
  return out;
}

// The events of one kind, a family after the other. A series is there once a device has had such an engine, and is to
// do what the event can happen to.
void collect_events(const Telemetry& telemetry, std::size_t kind, Families& out) {
  const auto events = engine::kind_at(kind).events();
  for (std::size_t first = 0; first < events.size();) {
    const engine::EventFamily* const family = events[first].family;
    std::size_t end = first;
    while (end < events.size() && events[end].family == family) ++end;
    auto counter = Family::counter(std::string(family->metric), std::string(family->help));
    for (const DeviceTelemetry& device : telemetry.devices) {
      if (!device.totals.engine.ran[kind]) continue;
      for (std::size_t i = first; i < end; ++i) {
        if (events[i].of && !asked_for(device, *events[i].of)) continue;
        Labels labels{{"device", device.facts.name}};
        for (auto& [name, value] : labels_of(events[i])) labels.push_back({name, value});
        counter.add(labels, static_cast<double>(device.totals.engine.events[kind][i]));
      }
    }
    counter.finish(out);
    first = end;
  }
}

void collect_readings(const Telemetry& telemetry, std::size_t kind, Families& out) {
  const auto readings = engine::kind_at(kind).readings();
  for (std::size_t i = 0; i < readings.size(); ++i) {
    if (readings[i].metric.empty()) continue;
    auto gauge = Family::gauge(std::string(readings[i].metric), std::string(readings[i].help));
    for (const DeviceTelemetry& device : telemetry.devices) {
      if (!is_there(device) || !has_run(device) || device.engine_state.kind != kind) continue;
      gauge.add({{"device", device.facts.name}}, static_cast<double>(device.engine_state.values[i]));
    }
    gauge.finish(out);
  }
}

void collect_engines(const Telemetry& telemetry, Families& out) {
  for (std::size_t kind = 0; kind < engine::kKinds; ++kind) {
    collect_events(telemetry, kind, out);
    collect_readings(telemetry, kind, out);
  }
}

void collect_jobs(const Telemetry& telemetry, Families& out) {
  auto jobs = Family::gauge("spliced_jobs", "Jobs that the daemon knows, by state.");
  auto finished = Family::counter("spliced_jobs_finished_total", "Jobs that ended since the daemon's start.");
  for (std::size_t i = 0; i < job::kStates; ++i) {
    const std::string state(job::kStateNames[i]);
    jobs.add({{"state", state}}, static_cast<double>(telemetry.jobs[i]));
    if (!job::is_final(static_cast<job::State>(i))) continue;
    for (std::size_t v = 0; v < job::kVerdictNames.size(); ++v) {
      const std::string verdict = v == 0 ? "none" : std::string(job::kVerdictNames[v]);
      finished.add({{"state", state}, {"verdict", verdict}}, static_cast<double>(telemetry.finished[i][v]));
    }
  }
  auto queue = Family::gauge("spliced_queue_jobs", "Jobs that wait for their turn, or for their devices.");
  queue.add({}, static_cast<double>(telemetry.jobs[static_cast<std::size_t>(job::State::queued)]));
  jobs.finish(out);
  finished.finish(out);
  queue.finish(out);
}

}  // namespace

const std::vector<double>& duration_bounds() {
  static const std::vector<double> bounds{1e-5,   2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2,
                                          2.5e-2, 5e-2,   0.1,  0.25, 0.5,    1,    2.5,  5,      10,   30};
  return bounds;
}

void collect_devices(const Telemetry& telemetry, Families& out) {
  collect_info(telemetry, out);
  collect_end(telemetry, out);
  collect_io(telemetry, out);
  collect_cpu(telemetry, out);
  collect_checkpoints(telemetry, out);
  collect_verification(telemetry, out);
  collect_moment(telemetry, out);
  collect_engines(telemetry, out);
  collect_jobs(telemetry, out);
}

}  // namespace spliced::metrics
