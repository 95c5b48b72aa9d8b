// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <prometheus/metric_family.h>

#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "http/message.h"

namespace spliced::metrics {

// Counts the requests of all listeners. Thread-safe.
class HttpMetrics final : public http::Observer {
 public:
  void on_request(std::string_view handler, std::string_view method, int status, double seconds) override;
  void collect(std::vector<prometheus::MetricFamily>& out) const;

 private:
  struct Durations {
    std::vector<std::uint64_t> cumulative;
    std::uint64_t count = 0;
    double sum = 0;
  };
  mutable std::mutex mutex_;
  std::map<std::tuple<std::string, std::string, int>, std::uint64_t> requests_;
  std::map<std::string, Durations> durations_;
};

}  // namespace spliced::metrics
