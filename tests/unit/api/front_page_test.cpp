// SPDX-License-Identifier: Apache-2.0
#include "api/front_page.h"

#include <gtest/gtest.h>

#include "unit/device/temp_dir.h"

namespace spliced::api {
namespace {

using testing::contains;

job::JobSummary job_named(const std::string& name) {
  job::JobSummary job;
  job.id = "0123";
  job.name = name;
  job.state = job::State::running;
  job.progress = 0.5;
  return job;
}

TEST(FrontPage, LinksWhatThereIs) {
  const std::vector<job::JobSummary> none;
  const auto page = front_page("1.2", control_links(), &none);
  EXPECT_TRUE(page.content_type.starts_with("text/html"));
  for (const auto& link : control_links()) {
    EXPECT_TRUE(contains(page.body, "href=\"" + std::string(link.path) + "\"")) << link.path;
  }
  EXPECT_TRUE(contains(page.body, "spliced 1.2"));
  EXPECT_TRUE(contains(page.body, "No job is running."));
}

TEST(FrontPage, WhatAJobIsCalledIsTextAndNothingElse) {
  auto job = job_named("<script>alert(\"1\" & '2')</script>\x1b[31m");
  job.devices = {"/srv/<b>", "sdb"};
  job.device_count = 20;
  const std::vector<job::JobSummary> jobs{job};
  const std::string body = front_page("1", control_links(), &jobs).body;
  EXPECT_TRUE(contains(body, "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;?[31m")) << body;
  EXPECT_TRUE(contains(body, "/srv/&lt;b&gt;, sdb and 18 more")) << body;
  EXPECT_TRUE(contains(body, "<td>50.0 %")) << body;
  EXPECT_TRUE(contains(body, "href=\"/v1/jobs/0123\"")) << body;
}

TEST(FrontPage, ManyJobsHaveABound) {
  const std::vector<job::JobSummary> jobs(kMaxJobsOnPage + 3, job_named("many"));
  EXPECT_TRUE(contains(front_page("1", control_links(), &jobs).body, "and 3 more"));
}

TEST(FrontPage, OfTheMetricsListenerTellsOfNoJob) {
  const auto page = metrics_front_page("1.2").handler({});
  EXPECT_TRUE(contains(page.body, "href=\"/metrics\""));
  EXPECT_FALSE(contains(page.body, "/v1/"));
  EXPECT_FALSE(contains(page.body, "job is"));
}

}  // namespace
}  // namespace spliced::api
