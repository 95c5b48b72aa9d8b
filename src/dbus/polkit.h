// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sdbus-c++/sdbus-c++.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "spliced/access/principal.h"
#include "spliced/util/log.h"

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
  enum class Answer { yes, no, too_many };
  // Calls `then` once, later or at once; never when the sender goes away meanwhile, or the bus.
  void ask(const Question& question, std::function<void(Answer)> then);
  // Lets go of the questions whose senders went away. In every round of the bus.
  void sweep();

 private:
  struct Open {
    uid_t uid = 0;
    std::function<void(Answer)> then;
    sdbus::Slot watch;  // over the sender
    bool gone = false;
  };
  [[nodiscard]] bool too_many(uid_t uid) const;
  void send(std::uint64_t number, const Question& question);
  void answered(std::uint64_t number, const sdbus::Error* error, bool yes);
  void sender_changed(std::uint64_t number, sdbus::Message& message);

  sdbus::IConnection& connection_;
  util::Logger& log_;
  std::unique_ptr<sdbus::IProxy> authority_;
  std::uint64_t next_number_ = 1;
  std::map<std::uint64_t, Open> open_;  // by number, which polkit knows them by, too
  bool reported_ = false;
};

}  // namespace spliced::dbus
