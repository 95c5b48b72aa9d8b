#include "session.h"

#include <fmt/format.h>

namespace spliced::dbus {

namespace {

constexpr const char* kName = "org.spliced.Manager1";
constexpr const char* kPath = "/org/spliced/Manager1";
constexpr const char* kInterface = "org.spliced.Manager1";
constexpr std::uint64_t kLogin1Timeout = 2'000'000;  // microseconds

using JobRow = sdbus::Struct<std::string, std::string, std::string, std::string, double>;
using DeviceRow = sdbus::Struct<std::string, std::string, std::uint64_t, bool, std::vector<std::string>>;

const char* error_name(util::Errc code) {
  switch (code) {
    case util::Errc::invalid: return "org.spliced.Error.Invalid";
    case util::Errc::not_found: return "org.spliced.Error.NotFound";
    case util::Errc::conflict: return "org.spliced.Error.Conflict";
    case util::Errc::exhausted: return "org.spliced.Error.Exhausted";
    case util::Errc::unavailable: return "org.spliced.Error.Unavailable";
    case util::Errc::system: return "org.spliced.Error.System";
    case util::Errc::internal: break;
  }
  return "org.spliced.Error.Internal";
}

sdbus::Error to_bus(const util::Error& error) {
  return {error_name(error.code), error.message};
}

// The library ends the process when a handler throws anything but its own error.
template <class Body>
auto guarded(Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const sdbus::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw sdbus::Error("org.spliced.Error.Internal", error.what());
  }
}

std::vector<JobRow> job_rows(const job::JobService& service) {
  std::vector<JobRow> rows;
  for (const auto& job : service.list({})) {
    double progress = job::is_final(job.state) ? 1 : 0;
    for (const auto& device : job.devices) progress += device.progress / static_cast<double>(job.devices.size());
    rows.emplace_back(job.id, job.spec.name, std::string(job::state_name(job.state)),
                      std::string(job::kVerdictNames[static_cast<std::size_t>(job.verdict)]), std::min(1.0, progress));
  }
  return rows;
}

std::vector<DeviceRow> device_rows(const job::JobService& service) {
  std::vector<DeviceRow> rows;
  for (const auto& device : service.devices()) {
    rows.emplace_back(device.facts.name, device.facts.path, device.facts.size, device.refusals.empty(),
                      device.refusals);
  }
  return rows;
}

}  // namespace

BusAdapter::Session::Session(const BusSetup& setup) : setup_(setup) {
  connection_ =
      setup.kind == BusKind::system ? sdbus::createSystemBusConnection() : sdbus::createSessionBusConnection();
  object_ = sdbus::createObject(*connection_, kPath);
  register_object();
  // The object first: whoever sees the name may call at once.
  connection_->requestName(kName);
}

void BusAdapter::Session::register_object() {
  const BusSetup& s = setup_;
  object_->registerMethod("SubmitJob")
      .onInterface(kInterface)
      .withInputParamNames("definition")
      .withOutputParamNames("id")
      .implementedAs([&s](const std::string& definition) {
        return guarded([&] {
          const auto job = s.submit(definition);
          if (!job) throw to_bus(job.error());
          return job->id;
        });
      });
  object_->registerMethod("CancelJob")
      .onInterface(kInterface)
      .withInputParamNames("id")
      .implementedAs([&s](const std::string& id) {
        guarded([&] {
          const auto job = s.service.cancel(id);
          if (!job) throw to_bus(job.error());
        });
      });
  object_->registerMethod("ListJobs").onInterface(kInterface).withOutputParamNames("jobs").implementedAs([&s] {
    return guarded([&] { return job_rows(s.service); });
  });
  object_->registerMethod("ListDevices").onInterface(kInterface).withOutputParamNames("devices").implementedAs([&s] {
    return guarded([&] { return device_rows(s.service); });
  });
  object_->registerProperty("Version")
      .onInterface(kInterface)
      .withGetter([&s] { return s.version; })
      .withUpdateBehavior(sdbus::Flags::CONST_PROPERTY_VALUE);
  object_->registerSignal("JobStateChanged")
      .onInterface(kInterface)
      .withParameters<std::string, std::string, std::string>("id", "state", "verdict");
  object_->finishRegistration();
}

void BusAdapter::Session::emit(const job::StateChange& change) {
  object_->emitSignal("JobStateChanged")
      .onInterface(kInterface)
      .withArguments(change.job_id, std::string(job::state_name(change.state)),
                     std::string(job::kVerdictNames[static_cast<std::size_t>(change.verdict)]));
}

void BusAdapter::Session::hold_inhibitor(bool wanted) {
  if (!wanted) {
    inhibitor_.reset();
    return;
  }
  if (inhibitor_.isValid()) return;
  try {
    auto login1 = sdbus::createProxy(*connection_, "org.freedesktop.login1", "/org/freedesktop/login1");
    login1->callMethod("Inhibit")
        .onInterface("org.freedesktop.login1.Manager")
        .withTimeout(kLogin1Timeout)
        .withArguments(std::string("shutdown:sleep"), std::string("spliced"),
                       std::string("a destructive job is running on a disk"), std::string("block"))
        .storeResultsTo(inhibitor_);
  } catch (const sdbus::Error& error) {
    if (!inhibitor_refused_) {
      setup_.log.log(util::LogLevel::warning, fmt::format("no shutdown inhibitor from login1: {}", error.getMessage()));
    }
    inhibitor_refused_ = true;
  }
}

}  // namespace spliced::dbus
