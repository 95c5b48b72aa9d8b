// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <prometheus/metric_family.h>

#include <string>
#include <utility>
#include <vector>

namespace spliced::metrics {

using Labels = std::vector<std::pair<std::string, std::string>>;

// Builds one metric family, sample by sample.
class Family {
 public:
  Family(prometheus::MetricType type, std::string name, std::string help) {
    family_.type = type;
    family_.name = std::move(name);
    family_.help = std::move(help);
  }
  static Family counter(std::string name, std::string help) {
    return {prometheus::MetricType::Counter, std::move(name), std::move(help)};
  }
  static Family gauge(std::string name, std::string help) {
    return {prometheus::MetricType::Gauge, std::move(name), std::move(help)};
  }
  static Family histogram(std::string name, std::string help) {
    return {prometheus::MetricType::Histogram, std::move(name), std::move(help)};
  }

  void add(const Labels& labels, double value) {
    auto& metric = sample(labels);
    metric.gauge.value = value;
    metric.counter.value = value;
  }
  // `cumulative` has one count per bound; `count` is that of +Inf.
  void add_histogram(const Labels& labels, const std::vector<double>& bounds,
                     const std::vector<std::uint64_t>& cumulative, std::uint64_t count, double sum);

  // Moves the family to `out`; one without any sample is left out.
  void finish(std::vector<prometheus::MetricFamily>& out) {
    if (!family_.metric.empty()) out.push_back(std::move(family_));
  }

 private:
  prometheus::ClientMetric& sample(const Labels& labels) {
    auto& metric = family_.metric.emplace_back();
    for (const auto& [name, value] : labels) metric.label.push_back({name, value});
    return metric;
  }
  prometheus::MetricFamily family_;
};

}  // namespace spliced::metrics
