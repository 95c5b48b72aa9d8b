// SPDX-License-Identifier: Apache-2.0
// What the methods do once whoever calls may, and what comes of it.
#pragma once
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "setup.h"

namespace spliced::dbus {

struct JobId {
  std::string id;
};
struct JobObject {
  std::string id;
};
using Outcome = std::variant<std::monostate, util::Error, JobId, JobObject, Plan, std::vector<job::JobSummary>,
                             std::vector<job::DeviceStatus>>;

// From any thread, and as long as the setup lives.
struct Work {
  std::string job;  // its id, where it is about one
  // It logs what it did, since by the time it is done there may be nobody to answer to; what was refused is for the
  // caller to log. May throw.
  std::function<Outcome(const access::Principal& who, const std::string& peer)> run;
};
[[nodiscard]] Work submit(const BusSetup& setup, std::string definition);
[[nodiscard]] Work validate(const BusSetup& setup, std::string definition);
[[nodiscard]] Work cancel(const BusSetup& setup, std::string id);
[[nodiscard]] Work pause(const BusSetup& setup, std::string id);
[[nodiscard]] Work resume(const BusSetup& setup, std::string id);
[[nodiscard]] Work forget(const BusSetup& setup, std::string id);
[[nodiscard]] Work get_job(const BusSetup& setup, std::string id);
[[nodiscard]] Work list_jobs(const BusSetup& setup);
[[nodiscard]] Work list_devices(const BusSetup& setup);

}  // namespace spliced::dbus
