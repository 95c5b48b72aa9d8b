// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <string>

#include "spliced/access/doorkeeper.h"
#include "spliced/job/service.h"

namespace spliced::dbus {

enum class BusKind { system, session };

struct Plan {
  bool accepted = false;
  std::string text;
};

struct BusSetup {
  BusKind kind = BusKind::system;
  job::JobService& service;
  util::Logger& log;
  std::string version;
  // A job definition as the API takes it, and who submits it → a running job.
  std::function<util::Result<job::JobSnapshot>(const std::string& definition, const access::Principal& who)> submit;
  // What submitting it would come to, with the plan as JSON.
  std::function<util::Result<Plan>(const std::string& definition, const access::Principal& who)> validate;
  // Who may do what; thread-safe, does not block.
  std::function<access::Admission(const access::LocalPeer&)> admit;
};

}  // namespace spliced::dbus
