// SPDX-License-Identifier: Apache-2.0
#include "http_metrics.h"

#include "family_builder.h"

namespace spliced::metrics {
namespace {

const std::vector<double> kBounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};

}  // namespace

void HttpMetrics::on_request(std::string_view handler, std::string_view method, int status, double seconds) {
  const std::lock_guard lock(mutex_);
  ++requests_[{std::string(handler), std::string(method), status}];
  Durations& durations = durations_[std::string(handler)];
  durations.cumulative.resize(kBounds.size());
  for (std::size_t i = 0; i < kBounds.size(); ++i) durations.cumulative[i] += seconds <= kBounds[i] ? 1 : 0;
  ++durations.count;
  durations.sum += seconds;
}

void HttpMetrics::collect(std::vector<prometheus::MetricFamily>& out) const {
  auto requests = Family::counter("spliced_http_requests_total", "HTTP requests answered.");
  auto durations = Family::histogram("spliced_http_request_duration_seconds",
                                     "Time from the first byte of a request to the end of its answer.");
  const std::lock_guard lock(mutex_);
  for (const auto& [key, count] : requests_) {
    const auto& [handler, method, code] = key;
    requests.add({{"handler", handler}, {"method", method}, {"code", std::to_string(code)}},
                 static_cast<double>(count));
  }
  for (const auto& [handler, entry] : durations_) {
    durations.add_histogram({{"handler", handler}}, kBounds, entry.cumulative, entry.count, entry.sum);
  }
  requests.finish(out);
  durations.finish(out);
}

}  // namespace spliced::metrics
