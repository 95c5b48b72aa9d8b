#pragma once
#include <memory>
#include <vector>

#include "api/routes.h"
#include "config.h"
#include "dbus/bus_adapter.h"
#include "http/listener.h"
#include "metrics/exporter.h"
#include "spliced/job/service.h"
#include "spliced/job/store.h"
#include "token.h"

namespace spliced::daemon {

// Everything the daemon consists of, in the order in which it is built; torn down in reverse.
class App {
 public:
  // `config_file`: "" for none; only so that no job may touch it.
  App(Config config, const std::string& config_file, util::Logger& log);
  ~App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  // Builds all parts. Afterwards requests are served.
  [[nodiscard]] util::Status start();
  // Applies what may change while jobs run: log level, --allow, the token. The rest is named as needing a restart.
  void reload(const util::Result<Config>& next);
  // One line for systemctl status. Rates are since the last call.
  [[nodiscard]] std::string status_line();
  // Whether supervisor and servers are alive: what the watchdog is fed for.
  [[nodiscard]] bool healthy() const;
  // Orderly end, within a few seconds. false: workers, or calls over the bus, are
  // stuck in the kernel; leave without destructors.
  [[nodiscard]] bool stop();

 private:
  [[nodiscard]] util::Status open_state();
  [[nodiscard]] util::Status open_listeners();
  void join_bus();

  Config config_;
  util::Logger& log_;
  Token token_;
  util::UniqueFd state_lock_;
  std::unique_ptr<job::JobStore> store_;
  device::Gate gate_;
  std::unique_ptr<job::JobService> service_;
  metrics::HttpMetrics http_metrics_;
  std::unique_ptr<metrics::Exporter> exporter_;
  http::Router control_router_;
  http::Router metrics_router_;
  std::unique_ptr<dbus::BusAdapter> bus_;
  std::vector<std::unique_ptr<http::Listener>> listeners_;
  struct {
    util::Nanos at = 0;
    double bytes = 0, operations = 0;
  } last_status_;
};

}  // namespace spliced::daemon
