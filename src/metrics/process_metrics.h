// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <prometheus/metric_family.h>

#include <vector>

namespace spliced::metrics {

// The process_* metrics that Prometheus client libraries share, from /proc/self.
void collect_process(std::vector<prometheus::MetricFamily>& out);

}  // namespace spliced::metrics
