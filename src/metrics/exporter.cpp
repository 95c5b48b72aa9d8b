// SPDX-License-Identifier: Apache-2.0
#include "exporter.h"

#include <prometheus/text_serializer.h>
#include <sys/utsname.h>

#include "device_metrics.h"
#include "family_builder.h"
#include "process_metrics.h"

namespace spliced::metrics {

namespace {

constexpr util::Nanos kAliveLimit = 10 * util::kSecond;  // the supervisor goes round twenty times a second

http::Response plain(int status, std::string text) {
  http::Response response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(text);
  return response;
}

void collect_daemon(const DaemonFacts& facts, std::vector<prometheus::MetricFamily>& out) {
  auto dropped = Family::counter("spliced_log_dropped_lines_total",
                                 "Lines of the log that were dropped because nobody took them fast enough.");
  dropped.add({}, static_cast<double>(facts.log_lines_dropped));
  dropped.finish(out);
  auto successful = Family::gauge("spliced_config_last_reload_successful",
                                  "Whether the configuration was taken when it was read last; 1 or 0.");
  successful.add({}, facts.reload_successful ? 1 : 0);
  successful.finish(out);
  auto when = Family::gauge("spliced_config_last_reload_success_timestamp_seconds",
                            "When a configuration was taken last, in seconds since the epoch.");
  when.add({}, facts.reload_success_time);
  when.finish(out);
}

}  // namespace

Exporter::Exporter(const job::JobService& service, const HttpMetrics& http, const BuildInfo& build,
                   std::function<DaemonFacts()> daemon)
    : service_(service), http_(http), build_(build), daemon_(std::move(daemon)) {
  utsname name{};
  ::uname(&name);
  kernel_ = name.release;
}

std::vector<prometheus::MetricFamily> Exporter::Collect() const {
  std::vector<prometheus::MetricFamily> out;
  auto build = Family::gauge("spliced_build_info", "Version of the daemon and of the kernel it runs on; always 1.");
  build.add(
      {{"version", build_.version}, {"revision", build_.revision}, {"compiler", build_.compiler}, {"kernel", kernel_}},
      1);
  build.finish(out);
  service_.look_at_targets();
  collect_devices(service_.telemetry(), out);
  http_.collect(out);
  if (daemon_) collect_daemon(daemon_(), out);
  collect_process(out);
  return out;
}

std::string Exporter::text() const {
  return prometheus::TextSerializer().Serialize(Collect());
}

std::vector<http::Route> metrics_routes(const Exporter& exporter, const job::JobService& service, NotReady not_ready) {
  const auto metrics = [&exporter](const http::Request&) {
    http::Response response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = exporter.text();
    return response;
  };
  const auto live = [&service](const http::Request&) {
    return service.alive(kAliveLimit) ? plain(200, "ok\n") : plain(503, "the supervisor does not answer\n");
  };
  const auto ready = [not_ready = std::move(not_ready)](const http::Request&) {
    std::string reasons;
    for (const auto& reason : not_ready()) reasons += reason + "\n";
    return reasons.empty() ? plain(200, "ok\n") : plain(503, reasons);
  };
  return {{"GET", "/metrics", metrics}, {"GET", "/livez", live}, {"GET", "/readyz", ready}};
}

}  // namespace spliced::metrics
