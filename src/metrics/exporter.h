#pragma once
#include <prometheus/collectable.h>

#include <string>
#include <vector>

#include "http/message.h"
#include "http_metrics.h"
#include "spliced/job/service.h"

namespace spliced::metrics {

struct BuildInfo {
  std::string version, revision, compiler;
};

// Reads the workers' own counters when it is scraped. Thread-safe; a scrape never waits for a worker.
class Exporter final : public prometheus::Collectable {
 public:
  Exporter(const job::JobService& service, const HttpMetrics& http, const BuildInfo& build);
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;
  [[nodiscard]] std::string text() const;  // text format 0.0.4

 private:
  const job::JobService& service_;
  const HttpMetrics& http_;
  const BuildInfo build_;
  std::string kernel_;
};

// /metrics, /livez and /readyz: for the metrics listener, and for the control listener too.
[[nodiscard]] std::vector<http::Route> metrics_routes(const Exporter& exporter, const job::JobService& service);

}  // namespace spliced::metrics
