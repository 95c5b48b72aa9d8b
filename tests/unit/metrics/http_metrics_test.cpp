// SPDX-License-Identifier: Apache-2.0
#include "metrics/http_metrics.h"

#include <gtest/gtest.h>

#include <limits>
#include <thread>

namespace spliced::metrics {
namespace {

std::vector<prometheus::MetricFamily> collect(const HttpMetrics& metrics) {
  std::vector<prometheus::MetricFamily> out;
  metrics.collect(out);
  return out;
}

// The sum of all samples of a counter.
double requests(const HttpMetrics& metrics) {
  double sum = 0;
  for (const auto& family : collect(metrics)) {
    if (family.name != "spliced_http_requests_total") continue;
    for (const auto& metric : family.metric) sum += metric.counter.value;
  }
  return sum;
}

TEST(HttpMetrics, NothingHappenedNothingIsTold) {
  EXPECT_TRUE(collect(HttpMetrics()).empty());
}

TEST(HttpMetrics, CountsByHandlerMethodAndCode) {
  HttpMetrics metrics;
  metrics.on_request("/v1/jobs", "GET", 200, 0.1);
  metrics.on_request("/v1/jobs", "GET", 200, 0.1);
  metrics.on_request("/v1/jobs", "POST", 201, 0.1);
  metrics.on_request("none", "other", 400, 0.1);
  const auto families = collect(metrics);
  ASSERT_EQ(families.size(), 2U);
  EXPECT_EQ(families[0].name, "spliced_http_requests_total");
  EXPECT_EQ(families[0].type, prometheus::MetricType::Counter);
  ASSERT_EQ(families[0].metric.size(), 3U);
  const auto& first = families[0].metric[0];
  ASSERT_EQ(first.label.size(), 3U);
  EXPECT_EQ(first.label[0].name, "handler");
  EXPECT_EQ(first.label[0].value, "/v1/jobs");
  EXPECT_EQ(first.label[1].name, "method");
  EXPECT_EQ(first.label[1].value, "GET");
  EXPECT_EQ(first.label[2].name, "code");
  EXPECT_EQ(first.label[2].value, "200");
  EXPECT_EQ(first.counter.value, 2);
}

TEST(HttpMetrics, DurationsAreCumulative) {
  HttpMetrics metrics;
  for (const double seconds : {0.0005, 0.001, 0.002, 7.0, 100.0}) metrics.on_request("h", "GET", 200, seconds);
  const auto families = collect(metrics);
  ASSERT_EQ(families.size(), 2U);
  EXPECT_EQ(families[1].name, "spliced_http_request_duration_seconds");
  EXPECT_EQ(families[1].type, prometheus::MetricType::Histogram);
  ASSERT_EQ(families[1].metric.size(), 1U);
  const auto& histogram = families[1].metric[0].histogram;
  EXPECT_EQ(histogram.sample_count, 5U);
  EXPECT_DOUBLE_EQ(histogram.sample_sum, 107.0035);
  EXPECT_EQ(histogram.bucket.front().upper_bound, 0.001);
  EXPECT_EQ(histogram.bucket.front().cumulative_count, 2U);  // a bound belongs to its bucket
  for (std::size_t i = 1; i < histogram.bucket.size(); ++i) {
    EXPECT_GT(histogram.bucket[i].upper_bound, histogram.bucket[i - 1].upper_bound);
    EXPECT_GE(histogram.bucket[i].cumulative_count, histogram.bucket[i - 1].cumulative_count);
  }
  EXPECT_EQ(histogram.bucket[histogram.bucket.size() - 2].cumulative_count, 4U);
  EXPECT_EQ(histogram.bucket.back().upper_bound, std::numeric_limits<double>::infinity());
  EXPECT_EQ(histogram.bucket.back().cumulative_count, 5U);
}

TEST(HttpMetrics, HandlersHaveHistogramsOfTheirOwn) {
  HttpMetrics metrics;
  metrics.on_request("a", "GET", 200, 0.1);
  metrics.on_request("b", "GET", 200, 0.1);
  EXPECT_EQ(collect(metrics)[1].metric.size(), 2U);
}

TEST(HttpMetrics, NoRequestIsLostBetweenThreads) {
  HttpMetrics metrics;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) metrics.on_request("h", "GET", 200 + i % 3, 0.01);
      });
    }
    double last = 0;
    for (int i = 0; i < 20; ++i) {
      const double now = requests(metrics);
      EXPECT_GE(now, last);
      last = now;
    }
  }
  EXPECT_EQ(requests(metrics), 4000);
}

}  // namespace
}  // namespace spliced::metrics
