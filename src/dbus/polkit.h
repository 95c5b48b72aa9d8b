// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sdbus-c++/sdbus-c++.h>
#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "spliced/access/principal.h"
#include "spliced/util/log.h"
#include "spliced/util/result.h"

namespace spliced::dbus {

// Asks polkit whether somebody may who may not by our own rules: it adds to these and takes nothing away, so that
// nobody can do more while it is missing. The actions are org.spliced.read, .run and .destroy
// (systemd/org.spliced.policy); interface: org.freedesktop.PolicyKit1.Authority(8). It is never waited for. Bus thread
// only.
class Polkit {
 public:
  Polkit(sdbus::IConnection& connection, util::Logger& log);

  struct Question {
    std::string sender;  // unique name on the bus
    uid_t uid = 0;
    access::Scope scope = access::Scope::read;
    const char* call = "";     // for whoever is asked
    bool interactive = false;  // a person may be asked, which takes as long as it takes
  };
  // Calls `then` once, later or at once, with whether it says yes.
  void ask(const Question& question, std::function<void(bool granted)> then);

 private:
  void note(const sdbus::Error* error);

  util::Logger& log_;
  std::unique_ptr<sdbus::IProxy> authority_;
  std::map<uid_t, std::size_t> asking_;  // how many questions are open
  std::size_t open_ = 0;
  bool reported_ = false;
};

}  // namespace spliced::dbus
