// SPDX-License-Identifier: Apache-2.0
#include "app.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <numeric>

#include "api/front_page.h"
#include "api/job_text.h"
#include "api/record_form.h"
#include "form/spec_reader.h"
#include "spliced/util/message_id.h"
#include "spliced/util/page_buffer.h"
#include "spliced/util/text.h"
#include "spliced/util/units.h"
#include "version.h"

namespace spliced::daemon {

using util::LogLevel;
using util::Nanos;
using util::Status;

namespace {

constexpr Nanos kJobsStopLimit = 3 * util::kSecond;
constexpr Nanos kBusStopLimit = util::kSecond / 2;
constexpr Nanos kRecordLimit = 5 * util::kSecond;    // beyond it the recorder is behind
constexpr Nanos kListenerStopLimit = util::kSecond;  // for handlers to finish; those that hang are left behind
constexpr Nanos kDay = 24 * 3600 * util::kSecond;
constexpr Nanos kAliveLimit = 10 * util::kSecond;

std::string real_path(const std::string& path) {
  std::error_code error;
  return std::filesystem::weakly_canonical(path, error).string();
}

// What no job may touch: the state database and what goes with it, the tokens, keys, the configuration.
std::vector<std::string> own_files(const Config& config) {
  std::vector<std::string> own;
  const std::string state = real_path(config.state_dir);
  own.push_back(state);  // and what lies in it
  // These under other names, too.
  for (const char* name : {"state.db", "state.db-wal", "state.db-shm", "state.db-journal", "lock"}) {
    own.push_back(state + "/" + name);
  }
  for (const auto& path :
       {config.token_file, config.file, config.tls.key, config.metrics_tls.key, config.results_key}) {
    if (!path.empty()) own.push_back(real_path(path));
  }
  return own;
}

}  // namespace

App::App(Config config, util::Logger& log, InheritedSockets sockets)
    : config_(std::move(config)),
      log_(log),
      sockets_(std::move(sockets)),
      reloaded_at_(std::chrono::system_clock::now()),
      admission_(device::AllowList(config_.allow), device::HostPaths{}) {
  log_.set_level(config_.log_level);
  admission_.protect(own_files(config_));
  admission_.set_unconfirmed_models(config_.unconfirmed_models);
}

App::~App() = default;

// The record of jobs, and the jobs in it; a damaged one gives way to a new one.
Status App::open_state() {
  auto directory = StateDir::open(config_.state_dir);
  if (!directory) return tl::unexpected(directory.error());
  state_dir_ = std::move(*directory);
  auto status = open_store();
  if (!status && status.error().sys_errno == EUCLEAN) {
    const util::Error damage = status.error();
    service_.reset();
    store_.reset();
    status = set_aside(damage);
    if (status) status = open_store();
  }
  if (!status) return status;
  // SQLite opens by path; what it found must be what was locked.
  if (const auto trouble = state_dir_->trouble(); !trouble.empty()) return util::fail(util::Errc::system, trouble);
  state_watch_ = std::make_unique<StateWatch>(*state_dir_, log_);
  return status;
}

Status App::open_store() {
  if (auto status = state_dir_->prepare_database(); !status) return status;
  auto store = store::open_sqlite_store(state_dir_->database());
  if (!store) return tl::unexpected(store.error());
  store_ = std::move(*store);
  job::ServiceLimits limits;
  limits.kept_jobs = config_.keep_jobs;
  limits.kept_time = config_.keep_days * kDay;
  limits.running_devices = config_.max_running_devices;
  limits.resume_timeout = config_.resume_timeout * util::kSecond;
  service_ = std::make_unique<job::JobService>(job::ServiceSetup{util::system_clock(), log_, admission_, *store_,
                                                                 run::kernel_engines(), api::record_form(), limits});
  return service_->restore();
}

Status App::set_aside(const util::Error& damage) {
  auto name = state_dir_->set_aside(std::chrono::system_clock::now());
  if (!name) return tl::unexpected(util::with_context(name.error(), damage.message));
  set_aside_ = std::move(*name);
  log_.log(LogLevel::error,
           fmt::format("{}; it was set aside as {}, and a new one begins: earlier jobs are not known", damage.message,
                       set_aside_),
           {{util::kMessageIdKey, std::string(util::message::kStateSetAside)}});
  auto own = own_files(config_);
  own.push_back(real_path(set_aside_));
  admission_.protect(std::move(own));
  return {};
}

Status App::start() {
  if (const long page = ::sysconf(_SC_PAGESIZE); page != static_cast<long>(util::kPageSize)) {
    return util::fail(
        util::Errc::invalid,
        fmt::format("this kernel has pages of {} bytes; spliced is made for pages of {}", page, util::kPageSize));
  }
  if (auto status = doors_.apply(config_); !status) return status;
  log_.log(LogLevel::notice,
           config_.file.empty()
               ? fmt::format("there is no configuration file {}; defaults and flags hold", kDefaultConfigFile)
               : fmt::format("configuration from {}", config_.file));
  if (auto status = open_state(); !status) return status;
  if (const auto memory = util::MemoryLimit().read()) {
    log_.log(LogLevel::info,
             fmt::format("memory: {} allows {}", memory->path, util::human_bytes(static_cast<double>(memory->limit))));
  }
  service_->look_at_targets();
  add_routes();
  join_bus();
  return open_listeners();
}

void App::add_routes() {
  const auto not_ready = [this] { return this->not_ready(); };
  exporter_ = std::make_unique<metrics::Exporter>(*service_, http_metrics_,
                                                  metrics::BuildInfo{version(), revision(), SPLICED_COMPILER},
                                                  [this] { return facts(); });
  metrics_router_.add(metrics::metrics_routes(*exporter_, *service_, not_ready));
  metrics_router_.add(api::metrics_front_page(version()));
  for (const std::string& wrong : recipes_.add_directory(config_.recipe_dir))
    log_.log(LogLevel::warning, fmt::format("a recipe is left out: {}", wrong));
  control_router_.add(api::api_routes(
      *service_, recipes_, {{version(), revision(), SPLICED_COMPILER}, [this] { return doors_.results_key(); }}));
  control_router_.add(metrics::metrics_routes(*exporter_, *service_, not_ready));
}

std::vector<std::string> App::not_ready() const {
  std::vector<std::string> reasons;
  if (!service_->accepting()) reasons.emplace_back("shutting down");
  if (const Nanos delay = service_->record_delay(); delay > kRecordLimit) {
    reasons.push_back(fmt::format("the records of jobs have been waiting for {} s", delay / util::kSecond));
  }
  if (auto trouble = state_watch_->trouble(); !trouble.empty()) reasons.push_back(std::move(trouble));
  if (const auto status = admission_.can_open(); !status) reasons.push_back(status.error().message);
  for (auto& spot : admission_.blind_spots()) reasons.push_back(std::move(spot));
  return reasons;
}

metrics::DaemonFacts App::facts() const {
  const std::lock_guard lock(mutex_);
  return {log_.dropped(), reload_failed_.empty(),
          std::chrono::duration<double>(reloaded_at_.time_since_epoch()).count()};
}

void App::join_bus() {
  if (config_.bus == "none") return;
  const auto kind = config_.bus == "system" ? dbus::BusKind::system : dbus::BusKind::session;
  const auto submit = [this](const std::string& definition,
                             const access::Principal& who) -> util::Result<job::JobSnapshot> {
    const auto spec = form::read_spec_or_error(definition, recipes_);
    if (!spec) return tl::unexpected(spec.error());
    return service_->submit(*spec, who);
  };
  const auto validate = [this](const std::string& definition,
                               const access::Principal& who) -> util::Result<dbus::Plan> {
    const auto spec = form::read_spec_or_error(definition, recipes_);
    if (!spec) return tl::unexpected(spec.error());
    const auto report = service_->validate(*spec, who);
    return dbus::Plan{report.accepted(), api::plan_text(report, *spec)};
  };
  const auto admit = [this](const access::LocalPeer& peer) { return doors_.admit(peer); };
  bus_ = std::make_unique<dbus::BusAdapter>(dbus::BusSetup{kind, *service_, log_, version(), submit, validate, admit});
  bus_->start();
}

// Sockets of systemd serve the addresses that they listen on; the others are the daemon's own to open.
Status App::open_listeners() {
  auto unix_sockets = sockets_.claim_unix();
  for (auto& [address, socket] : unix_sockets) {
    if (auto status = listen(doors_.control(address), control_router_, std::move(socket)); !status) return status;
  }
  for (const auto& address : config_.listen) {
    const auto same = [&](const auto& opened) { return opened.first.text() == address.text(); };
    if (std::any_of(unix_sockets.begin(), unix_sockets.end(), same)) continue;
    // By default the control socket is the one that systemd gave.
    if (config_.default_listen && !unix_sockets.empty()) continue;
    auto status = listen(doors_.control(address), control_router_, sockets_.claim(address));
    if (!status) return status;
  }
  if (config_.metrics_listen) {
    auto socket = sockets_.claim(*config_.metrics_listen);
    auto status = listen(doors_.metrics(*config_.metrics_listen), metrics_router_, std::move(socket));
    if (!status) return status;
  }
  if (const std::string left = sockets_.unclaimed(); !left.empty()) {
    return util::fail(util::Errc::invalid,
                      fmt::format("systemd listens on {} for the daemon, which is neither in listen nor "
                                  "metrics_listen; make spliced.socket and the configuration agree",
                                  left));
  }
  return {};
}

Status App::listen(const http::ListenerConfig& config, const http::Router& router, util::UniqueFd socket) {
  // The runtime directory is systemd's to make; by hand, its parent exists and it does not.
  const std::string& path = config.address.unix_path;
  if (!path.empty() && !socket) ::mkdir(path.substr(0, path.rfind('/')).c_str(), 0755);
  const char* whose = socket ? ", from systemd" : "";
  auto listener = http::Listener::open(config, router, http_metrics_, log_, std::move(socket));
  if (!listener) return tl::unexpected(listener.error());
  log_.log(LogLevel::notice, fmt::format("{} on {}{}", config.name, (*listener)->address().text(), whose));
  listeners_.push_back(std::move(*listener));
  return {};
}

Status App::reload(const util::Result<Config>& next) {
  auto status = apply(next);
  if (!status) {
    log_.log(LogLevel::error, fmt::format("reload: {}; nothing was changed", status.error().message),
             {{util::kMessageIdKey, std::string(util::message::kReloadFailed)}});
  }
  const std::lock_guard lock(mutex_);
  reload_failed_ = status ? "" : status.error().message;
  if (status) reloaded_at_ = std::chrono::system_clock::now();
  return status;
}

Status App::apply(const util::Result<Config>& next) {
  if (!next) return tl::unexpected(next.error());
  if (next->file.empty() && !config_.file.empty()) {
    return util::fail(util::Errc::invalid, fmt::format("the configuration file {} is gone", config_.file));
  }
  if (auto status = doors_.apply(*next); !status) return status;
  log_.set_level(next->log_level);
  admission_.set_allow_list(device::AllowList(next->allow));
  admission_.set_unconfirmed_models(next->unconfirmed_models);
  const auto texts = [](const std::vector<http::Address>& addresses) {
    std::string out;
    for (const auto& address : addresses) out += address.text() + " ";
    return out;
  };
  const auto metrics_text = [](const Config& c) { return c.metrics_listen ? c.metrics_listen->text() : "none"; };
  const std::pair<const char*, bool> fixed[] = {
      {"listen", texts(next->listen) != texts(config_.listen)},
      {"metrics_listen", metrics_text(*next) != metrics_text(config_)},
      {"state_dir", next->state_dir != config_.state_dir},
      {"insecure_no_auth", next->insecure_no_auth != config_.insecure_no_auth},
      {"recipe_dir", next->recipe_dir != config_.recipe_dir},
      {"read_group", next->read_group != config_.read_group},
      {"tls_cert", next->tls.given() != config_.tls.given()},
      {"metrics_tls_cert", next->metrics_tls.given() != config_.metrics_tls.given()},
      {"bus", next->bus != config_.bus}};
  for (const auto& [key, changed] : fixed) {
    if (changed) log_.log(LogLevel::warning, fmt::format("reload: a change of {} needs a restart", key));
  }
  log_.log(LogLevel::notice, "configuration reloaded");
  return {};
}

// What an administrator should know besides, each with "; " before it.
std::string App::troubles() const {
  std::string out;
  if (const std::size_t unrecorded = service_->unrecorded(); unrecorded > 0) {
    out += fmt::format("; the state directory does not take the records of {} jobs", unrecorded);
  }
  if (const auto trouble = state_watch_->trouble(); !trouble.empty()) out += "; " + trouble;
  if (!set_aside_.empty()) out += fmt::format("; the state database was damaged and lies in {}", set_aside_);
  if (const auto dropped = log_.dropped(); dropped > 0) {
    out += fmt::format("; {} lines of the log were dropped", dropped);
  }
  const std::lock_guard lock(mutex_);
  if (!reload_failed_.empty()) out += fmt::format("; the last reload failed: {}", util::printable(reload_failed_));
  return out;
}

std::string App::status_line() const {
  const job::Telemetry telemetry = service_->telemetry();
  std::uint64_t errors = telemetry.departed.errors;
  std::size_t busy = 0;
  double rate = 0;
  double iops = 0;
  for (const auto& device : telemetry.devices) {
    busy += device.job_id.empty() ? 0 : 1;
    rate += device.bytes_per_second;
    iops += device.operations_per_second;
    for (const auto& op : device.totals.ops) errors += op.error_count();
  }
  const auto running = telemetry.jobs[static_cast<std::size_t>(job::State::running)] +
                       telemetry.jobs[static_cast<std::size_t>(job::State::paused)] +
                       telemetry.jobs[static_cast<std::size_t>(job::State::stopping)];
  if (running == 0) {
    const auto known = std::accumulate(telemetry.jobs.begin(), telemetry.jobs.end(), std::uint64_t{0});
    return fmt::format("idle; {} jobs known, {} I/O errors since start{}", known, errors, troubles());
  }
  return fmt::format("{} jobs on {} devices, {}/s, {:.0f} IOPS, {} I/O errors since start{}", running, busy,
                     util::human_bytes(rate), iops, errors, troubles());
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
  const bool all_left = service_->stop_all(kJobsStopLimit);
  if (!all_left) log_.log(LogLevel::error, "some workers are stuck in the kernel; leaving without them");
  for (auto& listener : listeners_) listener->begin_stop();
  const Nanos deadline = util::system_clock().now() + kListenerStopLimit;
  bool all_answered = true;
  for (auto& listener : listeners_) {
    all_answered = listener->stop(std::max<Nanos>(deadline - util::system_clock().now(), 0)) && all_answered;
  }
  if (!all_answered) log_.log(LogLevel::error, "a request still waits for what does not answer; leaving without it");
  const bool bus_left = !bus_ || bus_->stop(kBusStopLimit);
  if (!bus_left)
    log_.log(LogLevel::error, "the bus does not answer, or a call over it still waits for a disk; leaving without it");
  return all_left && all_answered && bus_left;
}

}  // namespace spliced::daemon
