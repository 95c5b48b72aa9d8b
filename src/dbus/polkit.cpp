// SPDX-License-Identifier: Apache-2.0
#include "polkit.h"

#include <fmt/format.h>

#include <cstdint>
#include <utility>

namespace spliced::dbus {

namespace {

constexpr std::size_t kMaxOpen = 64;                         // questions
constexpr std::size_t kMaxOpenOfOne = 8;                     // user's
constexpr std::uint64_t kLimit = 5'000'000;                  // microseconds to answer
constexpr std::uint64_t kLimitOfPersons = 120'000'000;       // where one is asked for a password
constexpr std::uint32_t kAllowUserInteraction = 0x00000001;  // CheckAuthorizationFlags

using Details = std::map<std::string, std::string>;
using Subject = sdbus::Struct<std::string, std::map<std::string, sdbus::Variant>>;
using Verdict = sdbus::Struct<bool, bool, Details>;  // is authorized, is challenge, details

}  // namespace

Polkit::Polkit(sdbus::IConnection& connection, util::Logger& log)
    : log_(log),
      authority_(
          sdbus::createProxy(connection, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority")) {}

void Polkit::ask(const Question& question, std::function<void(bool granted)> then) {
  std::size_t& of_this_user = asking_[question.uid];
  if (open_ >= kMaxOpen || of_this_user >= kMaxOpenOfOne) return then(false);
  ++open_;
  ++of_this_user;
  const Subject subject{"system-bus-name", {{"name", sdbus::Variant(question.sender)}}};
  authority_->callMethodAsync("CheckAuthorization")
      .onInterface("org.freedesktop.PolicyKit1.Authority")
      .withTimeout(question.interactive ? kLimitOfPersons : kLimit)
      .withArguments(subject, fmt::format("org.spliced.{}", access::scope_name(question.scope)),
                     Details{{"call", question.call}}, question.interactive ? kAllowUserInteraction : 0U, std::string())
      .uponReplyInvoke(
          [this, uid = question.uid, then = std::move(then)](const sdbus::Error* error, const Verdict& verdict) {
            --open_;
            if (--asking_[uid] == 0) asking_.erase(uid);
            note(error);
            then(error == nullptr && verdict.get<0>());
          });
}

// A machine without polkit is none that is ill: it is told once.
void Polkit::note(const sdbus::Error* error) {
  if (error != nullptr && !reported_) {
    log_.log(util::LogLevel::notice,
             fmt::format("polkit does not say who else may use the bus interface, so that nobody else may: {} ({})",
                         error->getMessage(), error->getName()));
  }
  reported_ = error != nullptr;
}

}  // namespace spliced::dbus
