// SPDX-License-Identifier: Apache-2.0
#include "metrics/exporter.h"

#include <sys/utsname.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

#include "metrics/device_metrics.h"
#include "unit/api/service_fixture.h"

namespace spliced::metrics {
namespace {

using testing::io;

// A scrape, read back from its text.
struct Scrape {
  std::map<std::string, double> series;                 // name{labels} → value
  std::map<std::string, std::string> types;             // family → type
  std::map<std::string, std::set<std::string>> labels;  // name → label names of its series, joined with commas

  explicit Scrape(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("# TYPE ")) {
        const auto space = line.find(' ', 7);
        types[line.substr(7, space - 7)] = line.substr(space + 1);
      } else if (!line.starts_with("#")) {
        add(line);
      }
    }
  }
  [[nodiscard]] double at(const std::string& key) const {
    const auto found = series.find(key);
    if (found != series.end()) return found->second;
    ADD_FAILURE() << key << " is missing";
    return std::nan("");
  }

 private:
  void add(const std::string& line) {
    const auto space = line.rfind(' ');
    const std::string key = line.substr(0, space);
    EXPECT_TRUE(series.emplace(key, std::strtod(line.c_str() + space + 1, nullptr)).second) << "twice: " << key;
    const auto brace = key.find('{');
    std::string names;
    for (auto at = brace; at != key.npos && key[at + 1] != '}';) {
      const auto equals = key.find('=', at);
      names += (names.empty() ? "" : ",") + key.substr(at + 1, equals - at - 1);
      at = key.find("\",", equals);
      if (at != key.npos) ++at;
    }
    labels[key.substr(0, brace)].insert(names);
  }
};

class ExporterTest : public test::ServiceTest {
 protected:
  ExporterTest() { build(); }
  void build() { exporter_ = std::make_unique<Exporter>(*service_, http_, BuildInfo{"1.2.3", "abc", "GNU 12"}); }
  [[nodiscard]] Scrape scrape() const { return Scrape(exporter_->text()); }
  [[nodiscard]] std::string device(const std::string& more = "") const {
    return "{device=\"" + (dir_ / "a.dat") + "\"" + (more.empty() ? "" : "," + more) + "}";
  }

  // Targets are looked at now and then.
  [[nodiscard]] bool capacity_becomes(std::optional<double> bytes) const {
    for (const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);;) {
      const auto series = scrape().series;
      const auto found = series.find("spliced_device_capacity_bytes" + device());
      if (bytes ? found != series.end() && found->second == *bytes : found == series.end()) return true;
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  HttpMetrics http_;
  std::unique_ptr<Exporter> exporter_;
};

TEST_F(ExporterTest, EveryMetricOfTheTableIsThereWithItsTypeAndLabels) {
  http_.on_request("/metrics", "GET", 200, 0.1);
  run(spec_of_short());
  ASSERT_TRUE(service_->submit(spec_of_long(), access::itself()));
  const Scrape scraped = scrape();
  struct Expected {
    const char *name, *type, *labels;
  };
  const Expected table[] = {
      {"spliced_build_info", "gauge", "version,revision,compiler,kernel"},
      {"spliced_device_info", "gauge", "device,path,wwn,model,serial,revision,rotational,transport"},
      {"spliced_device_capacity_bytes", "gauge", "device"},
      {"spliced_device_state", "gauge", "device,state"},
      {"spliced_device_last_verdict", "gauge", "device,verdict"},
      {"spliced_device_last_end_timestamp_seconds", "gauge", "device"},
      {"spliced_io_bytes_total", "counter", "device,op"},
      {"spliced_io_operations_total", "counter", "device,op"},
      {"spliced_io_errors_total", "counter", "device,error"},
      {"spliced_io_duration_seconds", "histogram", "device,op"},
      {"spliced_worker_cpu_wait_seconds_total", "counter", "device"},
      {"spliced_checkpoint_flush_seconds_total", "counter", "device"},
      {"spliced_io_inflight", "gauge", "device"},
      {"spliced_io_oldest_inflight_seconds", "gauge", "device"},
      {"spliced_io_last_completion_timestamp_seconds", "gauge", "device"},
      {"spliced_vmsplice_fallbacks_total", "counter", "device,from,to,reason"},
      {"spliced_splice_retries_total", "counter", "device,reason"},
      {"spliced_splice_short_transfers_total", "counter", "device,op"},
      {"spliced_pipe_resets_total", "counter", "device"},
      {"spliced_pipe_size_bytes", "gauge", "device"},
      {"spliced_job_info", "gauge", "job_id,device,name"},
      {"spliced_job_progress_ratio", "gauge", "device"},
      {"spliced_jobs", "gauge", "state"},
      {"spliced_queue_jobs", "gauge", ""},
      {"spliced_jobs_finished_total", "counter", "state,verdict"},
      {"spliced_http_requests_total", "counter", "handler,method,code"},
      {"spliced_http_request_duration_seconds", "histogram", "handler"},
      {"process_cpu_seconds_total", "counter", ""},
      {"process_start_time_seconds", "gauge", ""},
      {"process_virtual_memory_bytes", "gauge", ""},
      {"process_resident_memory_bytes", "gauge", ""},
      {"process_open_fds", "gauge", ""},
      {"process_max_fds", "gauge", ""}};
  for (const auto& [name, type, labels] : table) {
    ASSERT_TRUE(scraped.types.contains(name)) << name;
    EXPECT_EQ(scraped.types.at(name), type) << name;
    const std::string series = std::string(name) + (std::string(type) == "histogram" ? "_sum" : "");
    ASSERT_TRUE(scraped.labels.contains(series)) << series;
    EXPECT_EQ(scraped.labels.at(series), std::set<std::string>{labels}) << name;
  }
  for (const auto& [name, sets] : scraped.labels) {
    for (const auto& set : sets) EXPECT_EQ(("," + set + ",").find(",job,"), std::string::npos) << name;
  }
}

TEST_F(ExporterTest, BuildInfoNamesTheKernel) {
  utsname name{};
  ::uname(&name);
  EXPECT_EQ(scrape().at("spliced_build_info{version=\"1.2.3\",revision=\"abc\",compiler=\"GNU 12\",kernel=\"" +
                        std::string(name.release) + "\"}"),
            1);
}

TEST_F(ExporterTest, BeforeAnyJobTheJobsAreZero) {
  const Scrape scraped = scrape();
  for (const auto name : job::kStateNames) {
    EXPECT_EQ(scraped.at("spliced_jobs{state=\"" + std::string(name) + "\"}"), 0);
  }
  for (const char* state : {"SUCCEEDED", "FAILED", "CANCELLED", "INTERRUPTED"}) {
    for (const char* verdict : {"none", "PASS", "FAIL"}) {
      EXPECT_EQ(
          scraped.at(std::string("spliced_jobs_finished_total{state=\"") + state + "\",verdict=\"" + verdict + "\"}"),
          0);
    }
  }
}

TEST_F(ExporterTest, KnownSeriesOfADeviceBeginWithZero) {
  run(spec_of_short());
  const Scrape scraped = scrape();
  EXPECT_EQ(scraped.at("spliced_io_operations_total" + device("op=\"read\"")), 16);
  EXPECT_EQ(scraped.at("spliced_io_bytes_total" + device("op=\"read\"")), 65536);
  for (const auto error : run::kErrorClassNames) {
    EXPECT_EQ(scraped.at("spliced_io_errors_total" + device("error=\"" + std::string(error) + "\"")), 0);
  }
  for (const char* reason : {"EFAULT", "EBADF", "EPERM", "ENOSYS", "EINVAL", "EOPNOTSUPP"}) {
    const std::string label = std::string("from=\"map\",to=\"copy\",reason=\"") + reason + "\"";
    EXPECT_EQ(scraped.at("spliced_vmsplice_fallbacks_total" + device(label)), 0);
  }
  for (const char* reason : {"EAGAIN", "ENODATA", "EINTR"}) {
    EXPECT_EQ(scraped.at("spliced_splice_retries_total" + device(std::string("reason=\"") + reason + "\"")), 0);
  }
  EXPECT_EQ(scraped.at("spliced_splice_short_transfers_total" + device("op=\"read\"")), 0);
  EXPECT_EQ(scraped.at("spliced_pipe_resets_total" + device()), 0);
}

TEST_F(ExporterTest, SeriesOfAnOperationBeginWithTheFirstJobThatIsToDoIt) {
  const auto ops = [&] {
    std::set<std::string> out;
    for (const auto& [key, value] : scrape().series) {
      const auto at = key.find("op=\"");
      if (at != key.npos && key.starts_with("spliced_io_"))
        out.insert(key.substr(at + 4, key.find('"', at + 4) - at - 4));
    }
    return out;
  };
  using Ops = std::set<std::string>;
  EXPECT_EQ(ops(), Ops{});
  run(spec_of_short());
  EXPECT_EQ(ops(), Ops{"read"});
  plan::JobSpec spec = spec_of_short();
  spec.destructive = true;
  io(spec).workload.rw = workload::Mode::write;
  io(spec).workload.end_fsync = true;
  run(spec);
  EXPECT_EQ(ops(), (Ops{"read", "write", "sync"}));
  EXPECT_EQ(scrape().at("spliced_io_operations_total" + device("op=\"sync\"")), 1);
}

TEST_F(ExporterTest, ADeviceHasFewSeries) {
  const auto of_device = [&] {
    const auto series = scrape().series;
    return std::count_if(series.begin(), series.end(),
                         [&](const auto& one) { return one.first.find(device().substr(1, 20)) != std::string::npos; });
  };
  run(spec_of_short());
  plan::JobSpec spec = spec_of_long();
  spec.destructive = true;
  io(spec).workload.rw = workload::Mode::randrw;
  io(spec).workload.end_fsync = true;
  ASSERT_TRUE(service_->submit(spec, access::itself()));
  EXPECT_LE(of_device(), 120);
  EXPECT_GT(of_device(), 90) << "the count does not see them";
}

TEST_F(ExporterTest, TheLastVerdictIsKept) {
  run(spec_of_short());
  const Scrape scraped = scrape();
  EXPECT_EQ(scraped.at("spliced_device_last_verdict" + device("verdict=\"PASS\"")), 1);
  EXPECT_EQ(scraped.at("spliced_device_last_verdict" + device("verdict=\"FAIL\"")), 0);
  const double end = scraped.at("spliced_device_last_end_timestamp_seconds" + device());
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  EXPECT_NEAR(end, std::chrono::duration<double>(now).count(), 60);
}

TEST_F(ExporterTest, OfAFileThatIsGoneOnlyCountersAreLeft) {
  run(spec_of_short());
  std::filesystem::resize_file(dir_ / "a.dat", 3 * kFileBytes);
  EXPECT_TRUE(capacity_becomes(3 * kFileBytes));
  std::filesystem::remove(dir_ / "a.dat");
  EXPECT_TRUE(capacity_becomes(std::nullopt));
  const Scrape gone = scrape();
  EXPECT_EQ(gone.at("spliced_io_operations_total" + device("op=\"read\"")), 16);
  for (const auto& [key, value] : gone.series) {
    const std::string family = key.substr(0, key.find('{'));
    EXPECT_FALSE(key.find(device().substr(1, 20)) != key.npos && gone.types.contains(family) &&
                 gone.types.at(family) == "gauge")
        << key;
  }
  make_file("a.dat");
  EXPECT_TRUE(capacity_becomes(kFileBytes));
}

TEST_F(ExporterTest, CountersAreExactAndNeverGoDown) {
  std::map<std::string, double> before;
  for (int jobs = 1; jobs <= 3; ++jobs) {
    const auto id = run(spec_of_short()).id;
    const Scrape scraped = scrape();
    EXPECT_EQ(scraped.at("spliced_io_operations_total" + device("op=\"read\"")), 16 * jobs);
    EXPECT_EQ(scraped.at("spliced_io_bytes_total" + device("op=\"read\"")), 65536 * jobs);
    EXPECT_EQ(scraped.at("spliced_io_duration_seconds_count" + device("op=\"read\"")), 16 * jobs);
    EXPECT_EQ(scraped.at("spliced_jobs_finished_total{state=\"SUCCEEDED\",verdict=\"PASS\"}"), jobs);
    for (const auto& [key, value] : before) {
      const std::string family = key.substr(0, key.find('{'));
      if (family.ends_with("_total") || family.ends_with("_count") || family.ends_with("_bucket")) {
        EXPECT_GE(scraped.at(key), value) << key;
      }
    }
    before = scraped.series;
    if (jobs == 2) {
      EXPECT_TRUE(service_->forget(id, access::itself()));
    }
  }
}

TEST_F(ExporterTest, CountersNeverGoDownWhileAJobEnds) {
  const auto job = service_->submit(spec_of_long(), access::itself());
  ASSERT_TRUE(job);
  double last = 0;
  bool ended = false;
  for (int after = 0; after < 3; after += ended ? 1 : 0) {
    const double now = scrape().at("spliced_io_operations_total" + device("op=\"read\""));
    EXPECT_GE(now, last);
    last = now;
    if (last > 0 && !ended) {
      ASSERT_TRUE(service_->cancel(job->id, access::itself()));
    }
    ended = job::is_final(service_->get(job->id)->state);
  }
  EXPECT_EQ(scrape().at("spliced_io_operations_total" + device("op=\"read\"")), last);
}

TEST_F(ExporterTest, HistogramBucketsAreCumulative) {
  run(spec_of_short());
  const Scrape scraped = scrape();
  EXPECT_EQ(duration_bounds().size(), 20U);
  EXPECT_DOUBLE_EQ(duration_bounds().front(), 1e-5);
  EXPECT_DOUBLE_EQ(duration_bounds().back(), 30);
  std::map<double, double> buckets;
  for (const auto& [key, value] : scraped.series) {
    if (!key.starts_with("spliced_io_duration_seconds_bucket") || key.find("op=\"read\"") == key.npos) continue;
    buckets[std::strtod(key.c_str() + key.find("le=\"") + 4, nullptr)] = value;
  }
  EXPECT_EQ(buckets.size(), 21U);
  double last = 0;
  for (const auto& [bound, count] : buckets) {
    EXPECT_GE(count, last) << bound;
    last = count;
  }
  EXPECT_TRUE(std::isinf(buckets.rbegin()->first));
  EXPECT_EQ(last, scraped.at("spliced_io_duration_seconds_count" + device("op=\"read\"")));
  EXPECT_GT(scraped.at("spliced_io_duration_seconds_sum" + device("op=\"read\"")), 0);
}

TEST_F(ExporterTest, RunningJobIsTold) {
  const auto job = service_->submit(spec_of_long(), access::itself());
  ASSERT_TRUE(job);
  const Scrape running = scrape();
  const std::string info =
      "spliced_job_info{job_id=\"" + job->id + "\"," + device().substr(1, device().size() - 2) + ",name=\"long\"}";
  EXPECT_EQ(running.at(info), 1);
  EXPECT_EQ(running.at("spliced_device_state" + device("state=\"running\"")), 1);
  EXPECT_EQ(running.at("spliced_device_state" + device("state=\"idle\"")), 0);
  EXPECT_EQ(running.at("spliced_jobs{state=\"RUNNING\"}"), 1);
  EXPECT_EQ(running.at("spliced_device_capacity_bytes" + device()), kFileBytes);
  const double progress = running.at("spliced_job_progress_ratio" + device());
  EXPECT_GE(progress, 0);
  EXPECT_LE(progress, 1);
  while (scrape().at("spliced_io_operations_total" + device("op=\"read\"")) == 0) std::this_thread::yield();
  ASSERT_TRUE(service_->cancel(job->id, access::itself()));
  ASSERT_TRUE(service_->wait(job->id, 60 * util::kSecond));
  const Scrape ended = scrape();
  EXPECT_FALSE(ended.series.contains(info));
  EXPECT_EQ(ended.at("spliced_device_state" + device("state=\"idle\"")), 1);
  EXPECT_EQ(ended.at("spliced_jobs_finished_total{state=\"CANCELLED\",verdict=\"none\"}"), 1);
  EXPECT_EQ(ended.at("spliced_io_inflight" + device()), 0);
  EXPECT_GT(ended.at("spliced_io_last_completion_timestamp_seconds" + device()), 1.6e9);
}

TEST_F(ExporterTest, NamesAreEscaped) {
  plan::JobSpec spec = spec_of_long();
  spec.name = "a\"b\\c";
  ASSERT_TRUE(service_->submit(spec, access::itself()));
  const std::string text = exporter_->text();
  EXPECT_NE(text.find("name=\"a\\\"b\\\\c\""), std::string::npos);
}

TEST_F(ExporterTest, ProcessMetricsArePlausible) {
  const Scrape scraped = scrape();
  EXPECT_GT(scraped.at("process_resident_memory_bytes"), 1e6);
  EXPECT_GE(scraped.at("process_virtual_memory_bytes"), scraped.at("process_resident_memory_bytes"));
  EXPECT_GE(scraped.at("process_open_fds"), 3);
  EXPECT_GE(scraped.at("process_max_fds"), scraped.at("process_open_fds"));
  EXPECT_GE(scraped.at("process_threads"), 2);
  EXPECT_GE(scraped.at("process_cpu_seconds_total"), 0);
  const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_NEAR(scraped.at("process_start_time_seconds"), now, 3600);
}

TEST_F(ExporterTest, TellsWhatTheDaemonKnowsOfItself) {
  EXPECT_FALSE(scrape().series.contains("spliced_log_dropped_lines_total"));
  DaemonFacts facts{5, false, 1.5e9};
  exporter_ = std::make_unique<Exporter>(*service_, http_, BuildInfo{}, [&] { return facts; });
  EXPECT_EQ(scrape().at("spliced_log_dropped_lines_total"), 5);
  EXPECT_EQ(scrape().types.at("spliced_log_dropped_lines_total"), "counter");
  EXPECT_EQ(scrape().at("spliced_config_last_reload_successful"), 0);
  EXPECT_EQ(scrape().at("spliced_config_last_reload_success_timestamp_seconds"), 1.5e9);
  facts.reload_successful = true;
  EXPECT_EQ(scrape().at("spliced_config_last_reload_successful"), 1);
}

TEST_F(ExporterTest, RoutesAnswerAsPlainText) {
  std::vector<std::string> reasons;
  const auto ask = [&](const std::string& path) {
    for (const auto& route : metrics_routes(*exporter_, *service_, [&] { return reasons; })) {
      if (route.path == path && route.method == "GET") return route.handler({});
    }
    return http::problem(404, path);
  };
  EXPECT_TRUE(ask("/metrics").content_type.starts_with("text/plain; version=0.0.4"));
  EXPECT_NE(ask("/metrics").body.find("# TYPE spliced_build_info gauge"), std::string::npos);
  EXPECT_EQ(ask("/livez").status, 200);
  EXPECT_EQ(ask("/readyz").status, 200);
  EXPECT_EQ(ask("/readyz").body, "ok\n");
  reasons = {"shutting down", "the state directory is gone"};
  EXPECT_EQ(ask("/readyz").status, 503);
  EXPECT_EQ(ask("/readyz").body, "shutting down\nthe state directory is gone\n");
  EXPECT_EQ(ask("/livez").status, 200);
  EXPECT_EQ(ask("/metrics").status, 200);
}

}  // namespace
}  // namespace spliced::metrics
