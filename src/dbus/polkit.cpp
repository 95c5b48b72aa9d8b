// SPDX-License-Identifier: Apache-2.0
#include "polkit.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "names.h"

namespace spliced::dbus {

namespace {

constexpr std::size_t kMaxOpen = 64;                         // questions
constexpr std::size_t kMaxOpenOfOne = 8;                     // user's
constexpr std::uint64_t kLimit = 5'000'000;                  // microseconds to answer
constexpr std::uint64_t kLimitOfPersons = 120'000'000;       // where one is asked for a password
constexpr std::uint32_t kAllowUserInteraction = 0x00000001;  // CheckAuthorizationFlags
constexpr const char* kAuthority = "org.freedesktop.PolicyKit1.Authority";

using Details = std::map<std::string, std::string>;
using Subject = sdbus::Struct<std::string, std::map<std::string, sdbus::Variant>>;
using Verdict = sdbus::Struct<bool, bool, Details>;  // is authorized, is challenge, details

std::string cancellation_id(std::uint64_t number) {
  return fmt::format("spliced-{}", number);
}

// What sd-bus tells those who wait for an answer when the bus goes away.
bool lost_the_bus(const sdbus::Error* error) {
  return error != nullptr && error->getMessage() == "Connection terminated";
}

}  // namespace

Polkit::Polkit(sdbus::IConnection& connection, util::Logger& log)
    : connection_(connection),
      log_(log),
      authority_(
          sdbus::createProxy(connection, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority")) {}

bool Polkit::too_many(uid_t uid) const {
  const auto of_this_user =
      std::count_if(open_.begin(), open_.end(), [&](auto& open) { return open.second.uid == uid; });
  return open_.size() >= kMaxOpen || static_cast<std::size_t>(of_this_user) >= kMaxOpenOfOne;
}

void Polkit::ask(const Question& question, std::function<void(Answer)> then) {
  sweep();
  if (too_many(question.uid)) return then(Answer::too_many);
  const std::uint64_t number = next_number_++;
  const std::string rule = fmt::format("type='signal',sender='{}',interface='{}',member='NameOwnerChanged',arg0='{}'",
                                       kBusName, kBusInterface, question.sender);
  sdbus::Slot watch = connection_.addMatch(rule, [=, this](sdbus::Message& m) { sender_changed(number, m); });
  open_.emplace(number, Open{question.uid, std::move(then), std::move(watch)});
  try {
    send(number, question);
  } catch (...) {
    open_.erase(number);
    throw;
  }
}

void Polkit::send(std::uint64_t number, const Question& question) {
  const Subject subject{"system-bus-name", {{"name", sdbus::Variant(question.sender)}}};
  authority_->callMethodAsync("CheckAuthorization")
      .onInterface(kAuthority)
      .withTimeout(question.interactive ? kLimitOfPersons : kLimit)
      .withArguments(subject, fmt::format("org.spliced.{}", access::scope_name(question.scope)),
                     Details{{"call", question.call}}, question.interactive ? kAllowUserInteraction : 0U,
                     cancellation_id(number))
      .uponReplyInvoke([=, this](const sdbus::Error* error, const Verdict& verdict) {
        answered(number, error, error == nullptr && verdict.get<0>());
      });
}

void Polkit::answered(std::uint64_t number, const sdbus::Error* error, bool yes) {
  auto open = open_.extract(number);
  if (!open || open.mapped().gone || lost_the_bus(error)) return;
  // A machine without polkit is none that is ill: it is told once.
  if (error != nullptr && !reported_) {
    log_.log(util::LogLevel::notice,
             fmt::format("polkit does not say who else may use the bus interface, so that nobody else may: {} ({})",
                         error->getMessage(), error->getName()));
  }
  reported_ = error != nullptr;
  open.mapped().then(yes ? Answer::yes : Answer::no);
}

// Only noted: this is called by what would be destroyed.
void Polkit::sender_changed(std::uint64_t number, sdbus::Message& message) {
  std::string name;
  std::string before;
  std::string owner;
  message >> name >> before >> owner;
  const auto open = open_.find(number);
  if (owner.empty() && open != open_.end()) open->second.gone = true;
}

// The person who is being asked for a password need not answer any more.
void Polkit::sweep() {
  for (auto open = open_.begin(); open != open_.end();) {
    if (!open->second.gone) {
      ++open;
      continue;
    }
    authority_->callMethodAsync("CancelCheckAuthorization")
        .onInterface(kAuthority)
        .withTimeout(kLimit)
        .withArguments(cancellation_id(open->first))
        .uponReplyInvoke([](const sdbus::Error*) {});
    open = open_.erase(open);
  }
}

}  // namespace spliced::dbus
