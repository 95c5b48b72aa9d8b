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

}  // namespace

Exporter::Exporter(const job::JobService& service, const HttpMetrics& http, const BuildInfo& build)
    : service_(service), http_(http), build_(build) {
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
  collect_devices(service_.telemetry(), out);
  http_.collect(out);
  collect_process(out);
  return out;
}

std::string Exporter::text() const {
  return prometheus::TextSerializer().Serialize(Collect());
}

std::vector<http::Route> metrics_routes(const Exporter& exporter, const job::JobService& service) {
  const auto metrics = [&exporter](const http::Request&) {
    http::Response response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = exporter.text();
    return response;
  };
  const auto live = [&service](const http::Request&) {
    return service.alive(kAliveLimit) ? plain(200, "ok\n") : plain(503, "the supervisor does not answer\n");
  };
  const auto ready = [&service](const http::Request&) {
    return service.accepting() ? plain(200, "ok\n") : plain(503, "shutting down\n");
  };
  return {{"GET", "/metrics", metrics}, {"GET", "/livez", live}, {"GET", "/readyz", ready}};
}

}  // namespace spliced::metrics
