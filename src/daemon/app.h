// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/routes.h"
#include "config.h"
#include "dbus/bus_adapter.h"
#include "doors.h"
#include "form/recipe.h"
#include "http/listener.h"
#include "inherited.h"
#include "metrics/exporter.h"
#include "spliced/job/service.h"
#include "spliced/store/job_store.h"
#include "state_dir.h"
#include "state_watch.h"

namespace spliced::daemon {

// Everything the daemon consists of, in the order in which it is built; torn down in reverse.
class App {
 public:
  App(Config config, util::Logger& log, InheritedSockets sockets = {});
  ~App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  // Builds all parts. Afterwards requests are served.
  [[nodiscard]] util::Status start();
  // Applies what may change while jobs run: log level, --allow, the token. The rest is named as needing a restart. All
  // or nothing: after an error, which is also logged and told in the status line, everything is as before.
  util::Status reload(const util::Result<Config>& next);
  // One line for systemctl status. Rates are since the last call.
  [[nodiscard]] std::string status_line() const;
  // Whether supervisor and servers are alive: what the watchdog is fed for.
  [[nodiscard]] bool healthy() const;
  // Orderly end, within a few seconds. false: workers, or calls over the bus, are
  // stuck in the kernel; leave without destructors.
  [[nodiscard]] bool stop();

 private:
  [[nodiscard]] util::Status open_state();
  [[nodiscard]] util::Status open_store();
  [[nodiscard]] util::Status set_aside(const util::Error& damage);
  [[nodiscard]] util::Status open_listeners();
  [[nodiscard]] util::Status listen(const http::ListenerConfig& config, const http::Router& router,
                                    util::UniqueFd socket);
  [[nodiscard]] util::Status apply(const util::Result<Config>& next);
  void add_routes();
  void join_bus();
  [[nodiscard]] std::vector<std::string> not_ready() const;
  [[nodiscard]] metrics::DaemonFacts facts() const;
  [[nodiscard]] std::string troubles() const;

  Config config_;
  util::Logger& log_;
  Doors doors_;
  InheritedSockets sockets_;
  mutable std::mutex mutex_;   // guards the two that follow
  std::string reload_failed_;  // why the last reload did; "" if it did not
  std::chrono::system_clock::time_point reloaded_at_;
  std::optional<StateDir> state_dir_;
  std::string set_aside_;  // where a damaged database was put; "" for none
  std::unique_ptr<StateWatch> state_watch_;
  std::unique_ptr<store::JobStore> store_;
  device::TargetAdmission admission_;
  std::unique_ptr<job::JobService> service_;
  metrics::HttpMetrics http_metrics_;
  std::unique_ptr<metrics::Exporter> exporter_;
  form::RecipeBook recipes_ = form::RecipeBook::built_in();
  http::Router control_router_;
  http::Router metrics_router_;
  std::unique_ptr<dbus::BusAdapter> bus_;
  std::vector<std::unique_ptr<http::Listener>> listeners_;
};

}  // namespace spliced::daemon
