// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/deed.h"
#include "spliced/util/message_id.h"

#include <fmt/format.h>

#include <algorithm>

namespace spliced::util {
namespace {

constexpr std::size_t kMaxNames = 8;    // in the text
constexpr std::size_t kMaxFields = 64;  // of devices
constexpr std::size_t kMaxText = 1000;  // bytes of each part that others chose

std::string cut(const std::string& text) {
  if (text.size() <= kMaxText) return text;
  std::size_t end = kMaxText;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) --end;  // at a whole character
  return text.substr(0, end) + " …";
}

std::string list_of(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < kMaxNames; ++i)
    out += fmt::format("{}{:?}", i == 0 ? "" : ", ", names[i]);
  if (names.size() > kMaxNames) out += fmt::format(" and {} more", names.size() - kMaxNames);
  return cut(out);
}

bool turned_away(const Deed& deed) {
  return deed.outcome == "401" || deed.outcome == "403" || deed.outcome == "AccessDenied";
}

// "uid 1000" of "uid 1000, pid 4711", the address of "192.0.2.1:51234".
std::string who_of(const std::string& peer) {
  return peer.substr(0, std::min(peer.find(", "), peer.rfind(':')));
}

}  // namespace

void DeedLog::log(Deed deed) {
  if (turned_away(deed)) {
    const std::lock_guard lock(mutex_);
    Tally& tally = tally_of(who_of(deed.peer), clock_.now());
    if (tally.told >= kBurst) {
      ++tally.left_out;
      return;
    }
    ++tally.told;
    if (tally.left_out > 0) deed.detail += fmt::format(" (and {} more before, of which no line tells)", tally.left_out);
    tally.left_out = 0;
  }
  log_deed(log_, deed);
}

DeedLog::Tally& DeedLog::tally_of(const std::string& who, Nanos now) {
  if (tallies_.size() >= kMaxKnown && !tallies_.contains(who)) {
    for (auto& [known, tally] : tallies_) refill(tally, now);
    std::erase_if(tallies_, [](const auto& entry) { return entry.second.told == 0 && entry.second.left_out == 0; });
  }
  Tally& tally = tallies_[tallies_.size() < kMaxKnown || tallies_.contains(who) ? who : ""];
  refill(tally, now);
  return tally;
}

void DeedLog::refill(Tally& tally, Nanos now) {
  constexpr Nanos kPause = kSecond / static_cast<Nanos>(kPerSecond);
  if (tally.told == 0) {
    tally.since = now;
    return;
  }
  const Nanos passed = (now - tally.since) / kPause;
  tally.told -= std::min(tally.told, static_cast<std::uint64_t>(std::max<Nanos>(passed, 0)));
  tally.since += passed * kPause;
}

void log_deed(Logger& log, const Deed& deed) {
  const Subject& about = deed.about;
  std::string text =
      fmt::format("{} by {}: {}", cut(deed.call), deed.peer.empty() ? "somebody unknown" : deed.peer, deed.outcome);
  if (!about.job.empty()) text += ", job " + cut(about.job);
  if (!about.targets.empty()) text += " on " + list_of(about.targets);
  if (!deed.detail.empty()) text += ": " + cut(deed.detail);
  std::vector<LogField> fields{
      {kMessageIdKey, std::string(turned_away(deed) ? message::kTurnedAway : message::kRequest)}};
  if (!about.job.empty()) fields.push_back({"JOB_ID", cut(about.job)});
  const auto& devices = about.devices.empty() ? about.targets : about.devices;
  for (std::size_t i = 0; i < devices.size() && i < kMaxFields; ++i) fields.push_back({"DEVICE", cut(devices[i])});
  log.log(deed.accepted ? LogLevel::notice : LogLevel::warning, text, std::span<const LogField>(fields));
}

}  // namespace spliced::util
