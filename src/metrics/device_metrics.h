// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <prometheus/metric_family.h>

#include <vector>

#include "spliced/job/snapshot.h"

namespace spliced::metrics {

// Everything that is told per device and of the jobs. This file's .cpp is where those metrics get their names.
void collect_devices(const job::Telemetry& telemetry, std::vector<prometheus::MetricFamily>& out);

// Upper bounds of spliced_io_duration_seconds: 10 µs to 30 s in 1-2.5-5 steps.
[[nodiscard]] const std::vector<double>& duration_bounds();

}  // namespace spliced::metrics
