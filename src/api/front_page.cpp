// SPDX-License-Identifier: Apache-2.0
#include "front_page.h"

#include <fmt/format.h>

#include "spliced/util/text.h"

namespace spliced::api {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : util::printable(text)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string row_of(const job::JobSummary& job) {
  std::string devices;
  for (const auto& device : job.devices) devices += (devices.empty() ? "" : ", ") + escaped(device);
  if (job.device_count > job.devices.size()) {
    devices += fmt::format(" and {} more", job.device_count - job.devices.size());
  }
  return fmt::format("<tr><td><a href=\"/v1/jobs/{0}\">{0}</a><td>{1}<td>{2}<td>{3:.1f} %<td>{4}\n", escaped(job.id),
                     escaped(job.name), job::state_name(job.state), 100 * job.progress.value_or(0), devices);
}

std::string table_of(const std::vector<job::JobSummary>& jobs) {
  if (jobs.empty()) return "<p>No job is running.\n";
  std::string out = "<table>\n<tr><th>Job<th>Name<th>State<th>Progress<th>Devices\n";
  for (std::size_t i = 0; i < jobs.size() && i < kMaxJobsOnPage; ++i) out += row_of(jobs[i]);
  out += "</table>\n";
  if (jobs.size() > kMaxJobsOnPage) out += fmt::format("<p>and {} more\n", jobs.size() - kMaxJobsOnPage);
  return out;
}

constexpr std::string_view kStyle =
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color-scheme:light dark}"
    "td,th{text-align:left;padding:.2rem 1rem .2rem 0}";

}  // namespace

const std::vector<Link>& control_links() {
  static const std::vector<Link> links{{"/v1/jobs", "jobs, newest first"},
                                       {"/v1/devices", "block devices, and whether each may be written"},
                                       {"/v1/capabilities", "what this kernel does with splice and vmsplice"},
                                       {"/v1/version", "version of the daemon"},
                                       {"/openapi.yaml", "the HTTP interface"},
                                       {"/metrics", "metrics for Prometheus"},
                                       {"/livez", "whether the daemon is alive"},
                                       {"/readyz", "whether jobs are accepted and recorded"}};
  return links;
}

const std::vector<Link>& metrics_links() {
  static const std::vector<Link> links(control_links().end() - 3, control_links().end());
  return links;
}

http::Response front_page(std::string_view version, const std::vector<Link>& links,
                          const std::vector<job::JobSummary>* jobs) {
  http::Response response;
  response.content_type = "text/html; charset=utf-8";
  response.headers = {{"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Cache-Control", "no-store"}};
  response.body = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width\">\n<title>spliced</title>\n<style>{}</style>\n<h1>spliced {}</h1>\n"
      "<p>I/O load on disks through splice(2), as jobs.\n",
      kStyle, escaped(version));
  if (jobs != nullptr) response.body += table_of(*jobs);
  response.body += "<ul>\n";
  for (const auto& [path, what] : links) {
    response.body += fmt::format("<li><a href=\"{0}\">{0}</a>: {1}\n", path, what);
  }
  response.body += "</ul>\n</html>\n";
  return response;
}

http::Route metrics_front_page(const std::string& version) {
  return {"GET", "/", [version](const http::Request&) { return front_page(version, metrics_links(), nullptr); }};
}

}  // namespace spliced::api
