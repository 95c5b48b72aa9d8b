// SPDX-License-Identifier: Apache-2.0
#include "session.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "spliced/util/deed.h"
#include "spliced/util/text.h"

namespace spliced::dbus {

namespace {

constexpr const char* kName = "org.spliced.Manager1";
constexpr const char* kPath = "/org/spliced/Manager1";
constexpr const char* kInterface = "org.spliced.Manager1";
constexpr const char* kBusName = "org.freedesktop.DBus";
constexpr const char* kBusPath = "/org/freedesktop/DBus";
constexpr const char* kBusInterface = "org.freedesktop.DBus";
constexpr std::size_t kMaxDefinition = 1 << 20;  // bytes of a job definition, as over HTTP
constexpr std::size_t kMaxId = 64;               // bytes
constexpr std::size_t kMaxErrorText = 8192;      // bytes
constexpr std::size_t kMaxRows = 1000;           // jobs in one answer
constexpr std::uint64_t kBusLimit = 2'000'000;   // microseconds that the bus itself has to answer

using DeviceRow = sdbus::Struct<std::string, std::string, std::uint64_t, bool, std::vector<std::string>>;

const char* error_name(util::Errc code) {
  switch (code) {
    case util::Errc::forbidden: return "org.freedesktop.DBus.Error.AccessDenied";
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
  if (error.message.size() <= kMaxErrorText) return {error_name(error.code), util::printable(error.message)};
  std::size_t end = kMaxErrorText;
  while (end > 0 && (static_cast<unsigned char>(error.message[end]) & 0xc0U) == 0x80) --end;  // at a whole character
  return {error_name(error.code), util::printable(error.message.substr(0, end)) + " …"};
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

// The bus hangs up on who sends it text that it takes for none (noncharacters, and what is no UTF-8), or refuses it.
std::vector<JobRow> job_rows(const job::JobService& service) {
  std::vector<JobRow> rows;
  for (const auto& job : service.list({})) {
    if (rows.size() == kMaxRows) break;
    rows.emplace_back(job.id, util::printable(job.name), std::string(job::state_name(job.state)),
                      std::string(job::kVerdictNames[static_cast<std::size_t>(job.verdict)]),
                      std::clamp(job.progress.value_or(job::is_final(job.state) ? 1 : 0), 0.0, 1.0));
  }
  return rows;
}

std::vector<DeviceRow> device_rows(const std::vector<job::DeviceStatus>& devices) {
  std::vector<DeviceRow> rows;
  for (const auto& device : devices) {
    std::vector<std::string> refusals;
    for (const auto& refusal : device.refusals) refusals.push_back(util::printable(refusal));
    rows.emplace_back(util::printable(device.facts.name), util::printable(device.facts.path), device.facts.size,
                      refusals.empty(), refusals);
  }
  return rows;
}

void refuse(const sdbus::MethodCall& call, const util::Error& error) {
  if (!call.doesntExpectReply()) call.createErrorReply(to_bus(error)).send();
}

// Error: forbidden.
util::Result<access::Principal> allow(const access::Admission& admission, access::Scope needed, const char* call) {
  const auto no = [](std::string why) { return util::refuse(util::Reason::forbidden, std::move(why)); };
  if (!admission) return no(admission.error().why);
  const access::Principal& who = *admission;
  if (who.may(needed)) return who;
  return no(fmt::format("{} needs the scope {}; {} has {}", call, access::scope_name(needed), who.name,
                        access::scope_name(who.scope)));
}

util::Deed refused(const char* call, std::string peer, const util::Error& error, util::Subject about = {}) {
  const std::string_view name = error_name(error.code);
  return {call, std::move(peer), std::string(name.substr(name.rfind('.') + 1)), false, error.message, std::move(about)};
}

// An errand must come back with something.
template <class Body>
auto contained(Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const std::exception& error) {
    return util::Error{util::Errc::internal, error.what(), 0, {}};
  }
}

std::unique_ptr<sdbus::IConnection> connect(BusKind kind) {
  auto connection = kind == BusKind::system ? sdbus::createSystemBusConnection() : sdbus::createSessionBusConnection();
  connection->setMethodCallTimeout(kBusLimit);
  return connection;
}

}  // namespace

BusAdapter::Session::Session(const BusSetup& setup, BusAdapter& adapter)
    : setup_(setup),
      adapter_(adapter),
      connection_(connect(setup.kind)),
      object_(sdbus::createObject(*connection_, kPath)),
      bus_(sdbus::createProxy(*connection_, kBusName, kBusPath)),
      inhibitor_(*connection_, setup.log) {
  register_object();
  // The object first: whoever sees the name may call at once.
  connection_->requestName(kName);
}

void BusAdapter::Session::register_object() {
  const BusSetup& s = setup_;
  object_->registerMethod(kInterface, "Submit", "s", {"definition"}, "s", {"id"},
                          [this](sdbus::MethodCall call) { submit(std::move(call)); });
  object_->registerMethod(kInterface, "Validate", "s", {"definition"}, "bs", {"accepted", "plan"},
                          [this](sdbus::MethodCall call) { validate(std::move(call)); });
  object_->registerMethod("Cancel")
      .onInterface(kInterface)
      .withInputParamNames("id")
      .implementedAs([this](const std::string& id) { guarded([&] { cancel(id); }); });
  object_->registerMethod("ListJobs").onInterface(kInterface).withOutputParamNames("jobs").implementedAs([this] {
    return guarded([&] { return list_jobs(); });
  });
  object_->registerMethod(kInterface, "ListDevices", "", {}, "a(sstbas)", {"devices"},
                          [this](sdbus::MethodCall call) { list_devices(std::move(call)); });
  object_->registerProperty("Version")
      .onInterface(kInterface)
      .withGetter([&s] { return s.version; })
      .withUpdateBehavior(sdbus::Flags::CONST_PROPERTY_VALUE);
  object_->registerSignal("JobStateChanged")
      .onInterface(kInterface)
      .withParameters<std::string, std::string, std::string>("id", "state", "verdict");
  object_->finishRegistration();
}

// The bus is asked, which knows it of the time when the connection was made (D-Bus specification,
// GetConnectionCredentials): what /proc says of a process may be that of its successor. It answers whatever its clients
// do.
BusAdapter::Session::Caller BusAdapter::Session::caller_of(const sdbus::Message& message) const {
  const std::string sender = message.getSender();
  try {
    std::map<std::string, sdbus::Variant> shown;
    bus_->callMethod("GetConnectionCredentials").onInterface(kBusInterface).withArguments(sender).storeResultsTo(shown);
    access::LocalPeer peer{shown.at("UnixUserID").get<std::uint32_t>(), 0, {}};
    if (shown.contains("ProcessID")) peer.pid = static_cast<pid_t>(shown.at("ProcessID").get<std::uint32_t>());
    if (shown.contains("UnixGroupIDs")) {
      for (const gid_t group : shown.at("UnixGroupIDs").get<std::vector<std::uint32_t>>()) peer.groups.push_back(group);
    }
    return {fmt::format("uid {}, pid {}", peer.uid, peer.pid), setup_.admit(peer)};
  } catch (const sdbus::Error&) {  // it is gone
  } catch (const std::out_of_range&) {
  }
  return {sender, tl::unexpected(access::Denial{false, "the bus does not say who calls"})};
}

// Of a call that is answered at once. Throws when the caller may not.
access::Principal BusAdapter::Session::caller(access::Scope needed, const char* call, std::string& peer) const {
  const sdbus::Message* message = object_->getCurrentlyProcessedMessage();
  if (message == nullptr) throw sdbus::Error(error_name(util::Errc::internal), "there is no call");
  const Caller caller = caller_of(*message);
  peer = caller.peer;
  auto who = allow(caller.admission, needed, call);
  if (who) return std::move(*who);
  util::log_deed(setup_.log, refused(call, peer, who.error()));
  throw to_bus(who.error());
}

std::vector<JobRow> BusAdapter::Session::list_jobs() const {
  std::string peer;
  (void)caller(access::Scope::read, "ListJobs", peer);
  return job_rows(setup_.service);
}

void BusAdapter::Session::cancel(const std::string& id) {
  std::string peer;
  const access::Principal who = caller(access::Scope::run, "Cancel", peer);
  auto job = id.size() <= kMaxId ? setup_.service.cancel(id, who)
                                 : util::fail(util::Errc::not_found, "there is no job with an id so long");
  if (!job) {
    util::log_deed(setup_.log, refused("Cancel", peer, job.error(), {id, {}, {}}));
    throw to_bus(job.error());
  }
  util::log_deed(setup_.log, {"Cancel", peer, "done", true, "", {id, job->targets, job->devices}});
}

void BusAdapter::Session::emit(const job::StateChange& change) {
  object_->emitSignal("JobStateChanged")
      .onInterface(kInterface)
      .withArguments(change.job_id, std::string(job::state_name(change.state)),
                     std::string(job::kVerdictNames[static_cast<std::size_t>(change.verdict)]));
}

namespace {

// The text is looked at where it lies in the message: a longer one is neither copied nor read.
util::Result<std::string> definition_in(sdbus::MethodCall& call) {
  char* text = nullptr;
  call >> text;
  const std::size_t length = std::strlen(text);
  if (length <= kMaxDefinition) return std::string(text, length);
  return util::fail(util::Errc::invalid,
                    fmt::format("the definition has {} bytes; at most {} are taken", length, kMaxDefinition));
}

}  // namespace

void BusAdapter::Session::submit(sdbus::MethodCall call) {
  const Caller caller = caller_of(call);
  const std::string& peer = caller.peer;
  const auto refuse_and_log = [&](const util::Error& error) {
    util::log_deed(setup_.log, refused("Submit", peer, error));
    refuse(call, error);
  };
  const auto who = allow(caller.admission, access::Scope::run, "Submit");
  if (!who) return refuse_and_log(who.error());
  auto definition = definition_in(call);
  if (!definition) return refuse_and_log(definition.error());
  send_on_errand(std::move(call), [&s = setup_, peer, who = *who, definition = std::move(*definition)]() -> Outcome {
    return contained([&]() -> Outcome {
      auto job = s.submit(definition, who);
      if (!job) {
        util::log_deed(s.log, refused("Submit", peer, job.error()));
        return std::move(job.error());
      }
      util::Subject about{job->id, job->spec.targets, {}};
      for (const auto& device : job->devices) about.devices.push_back(device.facts.name);
      util::log_deed(s.log, {"Submit", peer, "done", true, "", std::move(about)});
      return std::move(job->id);
    });
  });
}

void BusAdapter::Session::validate(sdbus::MethodCall call) {
  const Caller caller = caller_of(call);
  const auto who = allow(caller.admission, access::Scope::read, "Validate");
  if (!who) {
    util::log_deed(setup_.log, refused("Validate", caller.peer, who.error()));
    return refuse(call, who.error());
  }
  auto definition = definition_in(call);
  if (!definition) return refuse(call, definition.error());
  send_on_errand(std::move(call), [&s = setup_, who = *who, definition = std::move(*definition)]() -> Outcome {
    return contained([&]() -> Outcome {
      auto plan = s.validate(definition, who);
      if (!plan) return std::move(plan.error());
      return std::move(*plan);
    });
  });
}

void BusAdapter::Session::list_devices(sdbus::MethodCall call) {
  const Caller caller = caller_of(call);
  if (const auto who = allow(caller.admission, access::Scope::read, "ListDevices"); !who) {
    util::log_deed(setup_.log, refused("ListDevices", caller.peer, who.error()));
    return refuse(call, who.error());
  }
  send_on_errand(std::move(call),
                 [&s = setup_]() -> Outcome { return contained([&]() -> Outcome { return s.service.devices(); }); });
}

void BusAdapter::Session::send_on_errand(sdbus::MethodCall call, std::function<Outcome()> errand) {
  const std::uint64_t ticket = adapter_.next_ticket_++;
  const bool taken = adapter_.errands_.take([&adapter = adapter_, ticket, errand = std::move(errand)] {
    adapter.post({ticket, errand()});
  });
  if (taken) {
    calls_.emplace(ticket, std::move(call));
  } else {
    refuse(call, {util::Errc::exhausted, "too many calls wait for disks to answer; try again later", 0, {}});
  }
}

void BusAdapter::Session::answer(const Answer& answer) {
  const auto found = calls_.find(answer.ticket);
  if (found == calls_.end()) return;  // of a connection that was lost
  const sdbus::MethodCall call = std::move(found->second);
  calls_.erase(found);
  if (const auto* error = std::get_if<util::Error>(&answer.outcome)) return refuse(call, *error);
  if (call.doesntExpectReply()) return;
  auto reply = call.createReply();
  if (const auto* id = std::get_if<std::string>(&answer.outcome)) {
    reply << *id;
  } else if (const auto* plan = std::get_if<Plan>(&answer.outcome)) {
    reply << plan->accepted << plan->text;
  } else {
    reply << device_rows(std::get<std::vector<job::DeviceStatus>>(answer.outcome));
  }
  reply.send();
}

}  // namespace spliced::dbus
