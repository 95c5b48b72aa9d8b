// SPDX-License-Identifier: Apache-2.0
#include "session.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "errors.h"
#include "names.h"
#include "spliced/util/deed.h"
#include "spliced/util/text.h"

namespace spliced::dbus {

using access::Scope;

namespace {

constexpr std::size_t kMaxDefinition = 1 << 20;        // bytes of a job definition, as over HTTP
constexpr std::size_t kMaxRows = 1000;                 // jobs in one answer
constexpr std::size_t kMaxId = 64;                     // bytes
constexpr std::uint64_t kBusLimit = 2'000'000;         // microseconds that the bus itself has to answer
constexpr util::Nanos kProgressPause = util::kSecond;  // between two looks at jobs that run

// id, name, state, verdict, progress
using JobRow = sdbus::Struct<std::string, std::string, std::string, std::string, double>;
using DeviceRow = sdbus::Struct<std::string, std::string, std::uint64_t, bool, std::vector<std::string>>;

std::string verdict_of(job::Verdict verdict) {
  return std::string(job::kVerdictNames[static_cast<std::size_t>(verdict)]);
}

// The bus hangs up on who sends it text that it takes for none (noncharacters, and what is no UTF-8), or refuses it.
std::vector<JobRow> job_rows(const std::vector<job::JobSummary>& jobs) {
  std::vector<JobRow> rows;
  for (const auto& job : jobs) {
    if (rows.size() == kMaxRows) break;
    rows.emplace_back(job.id, util::printable(job.name), std::string(job::state_name(job.state)),
                      verdict_of(job.verdict), job_progress(job));
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

// The text is looked at where it lies in the message: a longer one is neither copied nor read.
util::Result<std::string> text_in(sdbus::MethodCall& call, const char* what, std::size_t most) {
  char* text = nullptr;
  call >> text;
  const std::size_t length = std::strlen(text);
  if (length <= most) return std::string(text, length);
  return util::fail(util::Errc::invalid, fmt::format("the {} has {} bytes; at most {} are taken", what, length, most));
}

util::Result<std::string> id_in(sdbus::MethodCall& call) {
  auto id = text_in(call, "id", kMaxId);
  if (!id) return util::fail(util::Errc::not_found, "there is no job with an id so long");
  return id;
}

util::Error too_many_questions() {
  return {util::Errc::exhausted,
          "polkit is being asked about too many calls of this user, or of all; try again later",
          0,
          {}};
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
      door_(*connection_, setup.admit, setup.log, adapter.deeds_),
      manager_(sdbus::createObject(*connection_, kManagerPath)),
      root_(sdbus::createObject(*connection_, kRoot)),
      jobs_(*connection_, job_hooks()),
      inhibitor_(*connection_, setup.log) {
  register_manager();
  root_->addObjectManager();
  for (const auto& job : setup.service.list({})) jobs_.show(job, {.with_signals = false});
  // The objects first: whoever sees the name may call at once.
  connection_->requestName(kName);
}

void BusAdapter::Session::register_method(const Method& method, const char* inputs, const char* input,
                                          const char* outputs, const std::vector<std::string>& names, Read read) {
  std::vector<std::string> input_names;
  if (*inputs != '\0') input_names.emplace_back(input);
  manager_->registerMethod(kManager, method.name, inputs, input_names, outputs, names,
                           [this, method, read = std::move(read)](sdbus::MethodCall call) {
                             guarded([&] { begin(std::move(call), method, read); });
                           });
}

void BusAdapter::Session::register_manager() {
  const BusSetup& s = setup_;
  using Text = util::Result<std::string>;
  const auto definition = [](sdbus::MethodCall& call) { return text_in(call, "definition", kMaxDefinition); };
  const auto with = [&s](auto read, Work (*work)(const BusSetup&, std::string)) -> Read {
    return [&s, read, work](sdbus::MethodCall& call) -> util::Result<Work> {
      Text text = read(call);
      if (!text) return tl::unexpected(std::move(text.error()));
      return work(s, std::move(*text));
    };
  };
  const auto without = [&s](Work (*work)(const BusSetup&)) -> Read { return [&s, work](auto&) { return work(s); }; };
  register_method({"Submit", Scope::run, true, true}, "s", "definition", "s", {"id"}, with(definition, &submit));
  register_method({"Validate", Scope::read, true, false}, "s", "definition", "bs", {"accepted", "plan"},
                  with(definition, &validate));
  register_method({"Cancel", Scope::run, false, true}, "s", "id", "", {}, with(&id_in, &cancel));
  register_method({"GetJob", Scope::read, false, false}, "s", "id", "o", {"job"}, with(&id_in, &get_job));
  register_method({"ListJobs", Scope::read, false, false}, "", "", "a(ssssd)", {"jobs"}, without(&list_jobs));
  register_method({"ListDevices", Scope::read, true, false}, "", "", "a(sstbas)", {"devices"}, without(&list_devices));
  register_properties();
  manager_->registerSignal("JobStateChanged")
      .onInterface(kManager)
      .withParameters<std::string, std::string, std::string>("id", "state", "verdict");
  manager_->registerSignal("Miscompare")
      .onInterface(kManager)
      .withParameters<std::string, std::string, std::uint64_t, std::string>("id", "device", "offset", "kind");
  manager_->finishRegistration();
}

void BusAdapter::Session::register_properties() {
  sdbus::Flags constant;
  constant.set(sdbus::Flags::CONST_PROPERTY_VALUE);
  const auto version = [this](sdbus::PropertyGetReply& reply) {
    guarded([&] {
      door_.check_reader(reply);
      reply << setup_.version;
    });
  };
  manager_->registerProperty(kManager, "Version", "s", version, constant);
}

JobObjects::Hooks BusAdapter::Session::job_hooks() {
  const auto bound = [this](const Method& method, Work (*work)(const BusSetup&, std::string)) {
    return [this, method, work](sdbus::MethodCall call, const std::string& id) {
      guarded([&] { begin(std::move(call), method, [&s = setup_, work, id](auto&) { return work(s, id); }); });
    };
  };
  return {[this](const sdbus::Message& reply) { guarded([&] { door_.check_reader(reply); }); },
          bound({"Cancel", Scope::run, false, true}, &cancel), bound({"Pause", Scope::run, true, true}, &dbus::pause),
          bound({"Resume", Scope::run, false, true}, &dbus::resume),
          bound({"Forget", Scope::run, true, true}, &forget)};
}

void BusAdapter::Session::begin(sdbus::MethodCall message, const Method& method, Read read) {
  Door::Caller caller = door_.caller_of(message);
  auto who = Door::allow(caller.admission, method.needed, method.name);
  Call call{std::move(message), method, std::move(caller), std::move(read), {}};
  if (who) return perform(std::move(call), *who);
  // Nothing is kept for the answer of polkit that would be refused for its size.
  auto work = call.read(call.message);
  if (!work) return turn_down(call, who.error());
  call.work = std::move(*work);
  authorize(std::move(call), method.needed, std::move(who.error()));
}

// What is refused by our own rules may be allowed by polkit, for this one call.
void BusAdapter::Session::authorize(Call call, Scope scope, util::Error otherwise) {
  call.asked = scope;
  const auto shared = std::make_shared<Call>(std::move(call));
  door_.ask(shared->caller, scope, shared->method.name,
            [this, shared, otherwise = std::move(otherwise)](const Door::ResourceGrant& grant) {
              guarded([&] {
                if (grant.principal) return perform(std::move(*shared), *grant.principal);
                turn_down(*shared, grant.too_many ? too_many_questions() : otherwise);
              });
            });
}

void BusAdapter::Session::perform(Call call, const access::Principal& who) {
  if (!call.work.run) {
    auto work = call.read(call.message);
    if (!work) return turn_down(call, work.error());
    call.work = std::move(*work);
  }
  const auto errand = [work = call.work, who, peer = call.caller.peer]() -> Outcome {
    try {
      return work.run(who, peer);
    } catch (const std::exception& error) {
      return util::Error{util::Errc::internal, error.what(), 0, {}};
    }
  };
  if (!call.method.waits) return finish(std::move(call), errand());
  const std::uint64_t ticket = adapter_.next_ticket_++;
  if (!adapter_.errands_.post([&adapter = adapter_, ticket, errand] { adapter.post({ticket, errand()}); })) {
    return turn_down(call,
                     {util::Errc::exhausted,
                      "too many calls wait for disks to answer, or the system has no thread to give; try again later",
                      0,
                      {}});
  }
  calls_.emplace(ticket, std::move(call));
}

void BusAdapter::Session::answer(Answer answer) {
  const auto found = calls_.find(answer.ticket);
  if (found == calls_.end()) return;  // of a connection that was lost
  Call call = std::move(found->second);
  calls_.erase(found);
  finish(std::move(call), std::move(answer.outcome));
}

void BusAdapter::Session::finish(Call call, Outcome outcome) {
  auto* error = std::get_if<util::Error>(&outcome);
  if (error == nullptr) return reply(call, outcome);
  // Only the job itself tells that it takes more than the call does.
  if (error->code == util::Errc::forbidden && call.asked < Scope::destroy) {
    return authorize(std::move(call), Scope::destroy, std::move(*error));
  }
  turn_down(call, *error);
}

void BusAdapter::Session::turn_down(const Call& call, const util::Error& error) {
  if (call.method.deed || error.code == util::Errc::forbidden || call.asked != Scope::none) {
    adapter_.deeds_.log(
        {call.method.name, call.caller.peer, short_name(error.code), false, error.message, {call.work.job, {}, {}}});
  }
  refuse(call.message, error);
}

void BusAdapter::Session::reply(const Call& call, const Outcome& outcome) {
  if (!call.message.doesntExpectReply()) send_reply(call.message, outcome);
  // Before the next message: whoever knows the id finds the object, and whoever changed a job sees it changed.
  if (const auto* created = std::get_if<JobId>(&outcome)) refresh(created->id, false);
  if (!call.work.job.empty()) refresh(call.work.job, false);
}

void BusAdapter::Session::send_reply(const sdbus::MethodCall& call, const Outcome& outcome) {
  auto reply = call.createReply();
  if (const auto* id = std::get_if<JobId>(&outcome)) {
    reply << id->id;
  } else if (const auto* object = std::get_if<JobObject>(&outcome)) {
    reply << sdbus::ObjectPath(job_path(object->id));
  } else if (const auto* plan = std::get_if<Plan>(&outcome)) {
    reply << plan->accepted << plan->text;
  } else if (const auto* jobs = std::get_if<std::vector<job::JobSummary>>(&outcome)) {
    reply << job_rows(*jobs);
  } else if (const auto* devices = std::get_if<std::vector<job::DeviceStatus>>(&outcome)) {
    reply << device_rows(*devices);
  }
  reply.send();
}

// One job alone: with many it is asked often.
void BusAdapter::Session::refresh(const std::string& job, bool progress) {
  const auto summary = setup_.service.wait(job, 0);  // not at all
  if (summary) {
    jobs_.show(*summary, {.progress = progress});
  } else if (summary.error().code == util::Errc::not_found) {
    gone_.push_back(job);
    remove_gone();
  }
}

// An object must not go while a call of it is being handled, or has no answer yet: sd-bus compares the answer with what
// the object says of its methods. By then its job may have been forgotten by another.
void BusAdapter::Session::remove_gone() {
  if (processing_) return;
  std::vector<std::string> later;
  for (const auto& id : std::exchange(gone_, {})) {
    const bool called =
        std::any_of(calls_.begin(), calls_.end(), [&](auto& call) { return call.second.work.job == id; });
    if (called) {
      later.push_back(id);
    } else {
      jobs_.remove(id);
    }
  }
  gone_.insert(gone_.end(), later.begin(), later.end());
}

bool BusAdapter::Session::process() {
  processing_ = true;
  const bool more = connection_->processPendingRequest();  // where it throws, the session ends
  processing_ = false;
  return more;
}

void BusAdapter::Session::show(const std::vector<job::Event>& news) {
  for (const job::Event& event : news) {
    if (job::is_of_state(event.kind)) refresh(event.job, false);
    if (event.kind == job::EventKind::forgotten) gone_.push_back(event.job);
  }
  remove_gone();
  const util::Nanos now = util::system_clock().now();
  if (now - last_progress_ >= kProgressPause) {
    last_progress_ = now;
    for (const auto& id : jobs_.running()) refresh(id, true);
  }
  for (const job::Event& event : news) {
    if (event.kind == job::EventKind::miscompare) {
      const job::EventPlace& place = event.place;
      manager_->emitSignal("Miscompare")
          .onInterface(kManager)
          .withArguments(event.job, place.device, place.offset, place.what);
    }
    if (!job::is_of_state(event.kind)) continue;
    manager_->emitSignal("JobStateChanged")
        .onInterface(kManager)
        .withArguments(event.job, std::string(job::state_name(event.state)), verdict_of(event.verdict));
  }
  inhibitor_.want(jobs_.destroying_jobs());
  door_.sweep();
}

}  // namespace spliced::dbus
