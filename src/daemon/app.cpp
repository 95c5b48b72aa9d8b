#include "app.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <numeric>

#include "api/spec_reader.h"
#include "spliced/util/page_buffer.h"
#include "spliced/util/units.h"
#include "state_dir.h"
#include "version.h"

namespace spliced::daemon {

using util::LogLevel;
using util::Nanos;
using util::Status;

namespace {

constexpr std::size_t kControlThreads = 128;  // of requests that wait: for a job, or for a disk to be looked at
constexpr std::size_t kMetricsThreads = 4;
constexpr Nanos kStopLimit = 3 * util::kSecond;
constexpr Nanos kListenerStopLimit = util::kSecond;  // for handlers to finish; those that hang are left behind
constexpr Nanos kAliveLimit = 10 * util::kSecond;
constexpr const char* kSocketGroup = "spliced";

std::string real_path(const std::string& path) {
  std::error_code error;
  return std::filesystem::weakly_canonical(path, error).string();
}

// What no job may touch: the state database and what goes with it, the token, the configuration.
std::vector<std::string> own_files(const Config& config, const std::string& config_file) {
  std::vector<std::string> own;
  for (const char* name : {"state.db", "state.db-wal", "state.db-shm", "state.db-journal", "lock"}) {
    own.push_back(real_path(config.state_dir) + "/" + name);
  }
  for (const auto& path : {config.token_file, config_file}) {
    if (!path.empty()) own.push_back(real_path(path));
  }
  return own;
}

}  // namespace

App::App(Config config, const std::string& config_file, util::Logger& log)
    : config_(std::move(config)), log_(log), gate_(device::AllowList(config_.allow), device::HostPaths{}) {
  log_.set_level(config_.log_level);
  gate_.protect(own_files(config_, config_file));
}

App::~App() = default;

Status App::open_state() {
  auto lock = lock_state_dir(config_.state_dir);
  if (!lock) return tl::unexpected(lock.error());
  state_lock_ = std::move(*lock);
  auto store = job::open_sqlite_store(config_.state_dir + "/state.db");
  if (!store) return tl::unexpected(store.error());
  store_ = std::move(*store);
  return {};
}

Status App::start() {
  if (const long page = ::sysconf(_SC_PAGESIZE); page != static_cast<long>(util::kPageSize)) {
    return util::fail(
        util::Errc::invalid,
        fmt::format("this kernel has pages of {} bytes; spliced is made for pages of {}", page, util::kPageSize));
  }
  if (!config_.token_file.empty()) {
    if (auto status = token_.load(config_.token_file); !status) return status;
  }
  if (auto status = open_state(); !status) return status;
  service_ = std::make_unique<job::JobService>(
      job::ServiceSetup{util::system_clock(), log_, gate_, *store_, job::splice_engines(), &api::job_document, {}});
  if (auto status = service_->restore(); !status) return status;
  service_->introduce_devices();
  exporter_ = std::make_unique<metrics::Exporter>(*service_, http_metrics_,
                                                  metrics::BuildInfo{version(), revision(), SPLICED_COMPILER});
  metrics_router_.add(metrics::metrics_routes(*exporter_, *service_));
  control_router_.add(api::api_routes(*service_, {version(), revision(), SPLICED_COMPILER}));
  control_router_.add(metrics::metrics_routes(*exporter_, *service_));
  join_bus();
  return open_listeners();
}

void App::join_bus() {
  if (config_.bus == "none") return;
  const auto kind = config_.bus == "system" ? dbus::BusKind::system : dbus::BusKind::session;
  const auto submit = [this](const std::string& definition) -> util::Result<job::JobSnapshot> {
    const auto spec = api::read_spec_or_error(definition);
    if (!spec) return tl::unexpected(spec.error());
    return service_->submit(*spec);
  };
  bus_ = std::make_unique<dbus::BusAdapter>(dbus::BusSetup{kind, *service_, log_, version(), submit});
  service_->on_state_change([this](const job::StateChange& change) { bus_->on_state_change(change); });
  bus_->start();
}

Status App::open_listeners() {
  std::vector<std::pair<http::ListenerConfig, const http::Router*>> wanted;
  for (const auto& address : config_.listen) {
    http::ListenerConfig config{address, "control", kControlThreads, 256, "", {}};
    if (address.is_unix()) {
      config.socket_group = kSocketGroup;
      // The runtime directory is systemd's to make; by hand, its parent exists and it does not.
      ::mkdir(address.unix_path.substr(0, address.unix_path.rfind('/')).c_str(), 0755);
    } else if (!config_.token_file.empty()) {
      config.authorize = [this](const std::string& header) { return token_.matches(header); };
    }
    wanted.emplace_back(std::move(config), &control_router_);
  }
  if (config_.metrics_listen) {
    wanted.emplace_back(http::ListenerConfig{*config_.metrics_listen, "metrics", kMetricsThreads, 64, "", {}},
                        &metrics_router_);
  }
  for (const auto& [config, router] : wanted) {
    auto listener = http::Listener::open(config, *router, http_metrics_, log_);
    if (!listener) return tl::unexpected(listener.error());
    log_.log(LogLevel::notice, fmt::format("{} on {}", config.name, (*listener)->address().text()));
    listeners_.push_back(std::move(*listener));
  }
  return {};
}

void App::reload(const util::Result<Config>& next) {
  if (!next) {
    log_.log(LogLevel::error, fmt::format("reload: {}; nothing was changed", next.error().message));
    return;
  }
  if (!next->token_file.empty()) {
    if (auto status = token_.load(next->token_file); !status) {
      log_.log(LogLevel::error, fmt::format("reload: {}; the old token stays", status.error().message));
    }
  }
  log_.set_level(next->log_level);
  gate_.set_allow_list(device::AllowList(next->allow));
  const auto texts = [](const std::vector<http::Address>& addresses) {
    std::string out;
    for (const auto& address : addresses) out += address.text() + " ";
    return out;
  };
  const auto metrics_text = [](const Config& c) { return c.metrics_listen ? c.metrics_listen->text() : "none"; };
  const std::pair<const char*, bool> fixed[] = {{"listen", texts(next->listen) != texts(config_.listen)},
                                                {"metrics_listen", metrics_text(*next) != metrics_text(config_)},
                                                {"state_dir", next->state_dir != config_.state_dir},
                                                {"token_file", next->token_file.empty() != config_.token_file.empty()},
                                                {"bus", next->bus != config_.bus}};
  for (const auto& [key, changed] : fixed) {
    if (changed) log_.log(LogLevel::warning, fmt::format("reload: a change of {} needs a restart", key));
  }
  log_.log(LogLevel::notice, "configuration reloaded");
}

std::string App::status_line() {
  const job::Telemetry telemetry = service_->telemetry();
  double bytes = 0;
  double operations = 0;
  std::uint64_t errors = 0;
  std::size_t busy = 0;
  for (const auto& device : telemetry.devices) {
    busy += device.job_id.empty() ? 0 : 1;
    for (const auto& op : device.totals.ops) {
      bytes += static_cast<double>(op.bytes);
      operations += static_cast<double>(op.operations);
      errors += op.error_count();
    }
  }
  const Nanos now = util::system_clock().now();
  const double seconds = last_status_.at == 0 ? 0 : static_cast<double>(now - last_status_.at) / 1e9;
  const double rate = seconds > 0 ? (bytes - last_status_.bytes) / seconds : 0;
  const double iops = seconds > 0 ? (operations - last_status_.operations) / seconds : 0;
  last_status_ = {now, bytes, operations};
  const auto running = telemetry.jobs[static_cast<std::size_t>(job::State::running)] +
                       telemetry.jobs[static_cast<std::size_t>(job::State::stopping)];
  const std::size_t unrecorded = service_->unrecorded();
  const std::string trouble =
      unrecorded == 0 ? "" : fmt::format("; the state directory does not take the records of {} jobs", unrecorded);
  if (running == 0) {
    const auto known = std::accumulate(telemetry.jobs.begin(), telemetry.jobs.end(), std::uint64_t{0});
    return fmt::format("idle; {} jobs known, {} I/O errors since start{}", known, errors, trouble);
  }
  return fmt::format("{} jobs on {} devices, {}/s, {:.0f} IOPS, {} I/O errors since start{}", running, busy,
                     util::human_bytes(rate), iops, errors, trouble);
}

bool App::healthy() const {
  if (!service_->alive(kAliveLimit)) return false;
  for (const auto& listener : listeners_) {
    if (!listener->running()) return false;
  }
  return true;
}

bool App::stop() {
  if (!service_) return true;
  service_->begin_shutdown();
  const bool all_left = service_->stop_all(kStopLimit);
  if (!all_left) log_.log(LogLevel::error, "some workers are stuck in the kernel; leaving without them");
  for (auto& listener : listeners_) listener->begin_stop();
  const Nanos deadline = util::system_clock().now() + kListenerStopLimit;
  bool all_answered = true;
  for (auto& listener : listeners_) {
    all_answered = listener->stop(std::max<Nanos>(deadline - util::system_clock().now(), 0)) && all_answered;
  }
  if (!all_answered) log_.log(LogLevel::error, "a request still waits for what does not answer; leaving without it");
  if (bus_) bus_->stop();
  return all_left && all_answered;
}

}  // namespace spliced::daemon
