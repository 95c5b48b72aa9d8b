// SPDX-License-Identifier: Apache-2.0
#include "job_objects.h"

#include <fmt/format.h>
#include <systemd/sd-bus.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include "names.h"
#include "spliced/util/text.h"

namespace spliced::dbus {

namespace {

// Steps of the progress that is told: a job of a day changes it every minute and a half, and nobody is woken more
// often.
constexpr double kProgressSteps = 1000;

std::uint64_t microseconds(job::WallTime time) {
  const auto since = std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
  return since > 0 ? static_cast<std::uint64_t>(since) : 0;
}

std::uint64_t microseconds(const std::optional<job::WallTime>& time) {
  return time ? microseconds(*time) : 0;
}

// The bus hangs up on who sends it text that it takes for none (noncharacters, and what is no UTF-8), or refuses it.
std::vector<std::string> printable(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  for (const auto& text : texts) out.push_back(util::printable(text));
  return out;
}

}  // namespace

std::string job_path(const std::string& id) {
  char* path = nullptr;
  if (sd_bus_path_encode(kJobsPath, id.c_str(), &path) < 0) throw std::runtime_error("sd_bus_path_encode");
  const std::unique_ptr<char, decltype(&std::free)> owner(path, &std::free);
  return path;
}

double job_progress(const job::JobSummary& job) {
  return std::clamp(job.progress.value_or(job::is_final(job.state) ? 1 : 0), 0.0, 1.0);
}

JobObjects::JobObjects(sdbus::IConnection& connection, Hooks hooks)
    : connection_(connection), hooks_(std::move(hooks)) {}

void JobObjects::show(const job::JobSummary& job, How how) {
  const auto found = entries_.find(job.id);
  if (found == entries_.end()) {
    add(job, how.with_signals);
  } else if (!found->second->shown.over) {
    update(*found->second, shown_of(job), how.progress);
  }
}

void JobObjects::remove(const std::string& id) {
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return;
  entry->second->object->emitInterfacesRemovedSignal();
  entries_.erase(entry);
}

JobObjects::Shown JobObjects::shown_of(const job::JobSummary& job) {
  Shown shown;
  shown.id = job.id;
  shown.name = util::printable(job.name);
  shown.created_by = util::printable(job.created_by);
  shown.state = job::state_name(job.state);
  shown.verdict = job::kVerdictNames[static_cast<std::size_t>(job.verdict)];
  shown.reason = util::printable(job.reason);
  shown.targets = printable(job.targets);
  shown.target_count = job.target_count;
  shown.devices = printable(job.devices);
  shown.created_at = microseconds(job.created_at);
  shown.started_at = microseconds(job.started_at);
  shown.ended_at = microseconds(job.ended_at);
  shown.errors = job.errors.value_or(0);
  shown.progress = std::floor(job_progress(job) * kProgressSteps) / kProgressSteps;
  shown.destructive = job.destructive.value_or(true);
  shown.over = job::is_final(job.state);
  shown.destroys = job.destroys && !shown.over;
  return shown;
}

void JobObjects::add(const job::JobSummary& job, bool with_signals) {
  auto entry = std::make_unique<Entry>();
  entry->shown = shown_of(job);
  entry->object = sdbus::createObject(connection_, job_path(job.id));
  publish(*entry);
  if (with_signals) entry->object->emitInterfacesAddedSignal();
  entries_.emplace(job.id, std::move(entry));
}

void JobObjects::publish(Entry& entry) {
  const Shown& shown = entry.shown;
  sdbus::IObject& object = *entry.object;
  const auto property = [&](const char* name, const char* signature, auto Shown::*member, bool constant) {
    const auto get = [this, &shown, member](sdbus::PropertyGetReply& reply) {
      hooks_.check_reader(reply);
      reply << shown.*member;
    };
    const auto behavior = constant ? sdbus::Flags::CONST_PROPERTY_VALUE : sdbus::Flags::EMITS_CHANGE_SIGNAL;
    sdbus::Flags flags;
    flags.set(behavior);
    object.registerProperty(kJob, name, signature, get, flags);
  };
  property("Id", "s", &Shown::id, true);
  property("Name", "s", &Shown::name, true);
  property("CreatedBy", "s", &Shown::created_by, true);
  property("CreatedAt", "t", &Shown::created_at, true);
  property("Targets", "as", &Shown::targets, true);
  property("TargetCount", "t", &Shown::target_count, true);
  property("Destructive", "b", &Shown::destructive, true);
  property("Devices", "as", &Shown::devices, false);
  property("State", "s", &Shown::state, false);
  property("Verdict", "s", &Shown::verdict, false);
  property("Reason", "s", &Shown::reason, false);
  property("StartedAt", "t", &Shown::started_at, false);
  property("EndedAt", "t", &Shown::ended_at, false);
  property("Progress", "d", &Shown::progress, false);
  property("Errors", "t", &Shown::errors, false);
  const auto method = [&](const char* name, const auto& hook) {
    object.registerMethod(kJob, name, "", {}, "", {},
                          [&hook, id = shown.id](sdbus::MethodCall call) { hook(std::move(call), id); });
  };
  method("Cancel", hooks_.cancel);
  method("Pause", hooks_.pause);
  method("Resume", hooks_.resume);
  method("Forget", hooks_.forget);
  object.finishRegistration();
}

void JobObjects::update(Entry& entry, Shown next, bool progress) {
  if (!progress && next.state == entry.shown.state) {
    next.progress = entry.shown.progress;
    next.errors = entry.shown.errors;
  }
  std::vector<std::string> changed;
  const auto compare = [&](const char* name, auto Shown::*member) {
    if (entry.shown.*member != next.*member) changed.emplace_back(name);
  };
  compare("Devices", &Shown::devices);
  compare("State", &Shown::state);
  compare("Verdict", &Shown::verdict);
  compare("Reason", &Shown::reason);
  compare("StartedAt", &Shown::started_at);
  compare("EndedAt", &Shown::ended_at);
  compare("Progress", &Shown::progress);
  compare("Errors", &Shown::errors);
  entry.shown = std::move(next);
  if (!changed.empty()) entry.object->emitPropertiesChangedSignal(kJob, changed);
}

std::string JobObjects::destroying_jobs() const {
  const Shown* first = nullptr;
  std::size_t count = 0;
  for (const auto& [id, entry] : entries_) {
    const Shown& job = entry->shown;
    if (!job.destroys) continue;
    ++count;
    if (first == nullptr || job.created_at < first->created_at) first = &job;
  }
  if (count == 0) return "";
  constexpr std::size_t kMaxName = 100;  // bytes
  const std::string name = first->name.size() <= kMaxName ? fmt::format(" ({})", first->name) : "";
  const std::string more = count == 1 ? " writes" : fmt::format(" and {} more write", count - 1);
  return fmt::format("job {}{}{} to disks", first->id, first->name.empty() ? "" : name, more);
}

std::vector<std::string> JobObjects::running() const {
  std::vector<std::string> ids;
  for (const auto& [id, entry] : entries_) {
    if (!entry->shown.over) ids.push_back(id);
  }
  return ids;
}

}  // namespace spliced::dbus
