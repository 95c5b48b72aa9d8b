// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <prometheus/collectable.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "http/message.h"
#include "http_metrics.h"
#include "spliced/job/service.h"

namespace spliced::metrics {

struct BuildInfo {
  std::string version, revision, compiler;
};

// What the daemon knows of itself.
struct DaemonFacts {
  std::uint64_t log_lines_dropped = 0;
  bool reload_successful = true;
  double reload_success_time = 0;  // seconds since the epoch; the start counts as a reload
};

// Reads the workers' own counters when it is scraped. Thread-safe; a scrape never waits for a worker.
class Exporter final : public prometheus::Collectable {
 public:
  // `daemon` is called at each scrape, from any thread, and must not wait; without it these metrics are left out.
  Exporter(const job::JobService& service, const HttpMetrics& http, const BuildInfo& build,
           std::function<DaemonFacts()> daemon = {});
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;
  [[nodiscard]] std::string text() const;  // text format 0.0.4

 private:
  const job::JobService& service_;
  const HttpMetrics& http_;
  const BuildInfo build_;
  const std::function<DaemonFacts()> daemon_;
  std::string kernel_;
};

// Why jobs should not be sent here now, a reason a line; empty: ready. Must not wait.
using NotReady = std::function<std::vector<std::string>()>;

// /metrics, /livez and /readyz: for the metrics listener, and for the control listener too.
[[nodiscard]] std::vector<http::Route> metrics_routes(const Exporter& exporter, const job::JobService& service,
                                                      NotReady not_ready);

}  // namespace spliced::metrics
