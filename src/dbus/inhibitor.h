// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sdbus-c++/sdbus-c++.h>

#include <memory>
#include <string>

#include "spliced/util/clock.h"
#include "spliced/util/log.h"

namespace spliced::dbus {

// The lock of login1 that keeps the machine from being shut down. It is asked for and never waited for: not wanted →
// asking → held, or refused and asked for again after a pause that grows. A login1 that is another than the one that
// gave the lock is asked again, too; until it answers, the old lock is kept, as systemd's own survives a restart. Bus
// thread only.
class Inhibitor {
 public:
  Inhibitor(sdbus::IConnection& connection, util::Logger& log);

  // Call it in every round of the bus: it asks when it is time to. `why`: for whoever wants to shut the machine down;
  // "" when it may be. Another reason is another lock.
  void want(const std::string& why);
  // To be polled without events, as long as it is not -1: an error on it says that nobody holds the other end.
  [[nodiscard]] int fd() const { return lock_.isValid() ? lock_.get() : -1; }
  void hung_up();

 private:
  void ask();
  void answered(const sdbus::Error* error, sdbus::UnixFd lock, const std::string& why);
  void owner_changed(const std::string& owner);
  void try_later();

  util::Logger& log_;
  std::unique_ptr<sdbus::IProxy> login1_;
  sdbus::Slot watch_;
  sdbus::UnixFd lock_;
  std::string why_;
  bool asking_ = false;
  bool stale_ = false;  // the lock is of a login1 that is no more, or for a reason that is none any more
  bool reported_ = false;
  util::Nanos next_try_ = 0;
  util::Nanos pause_ = 0;
};

}  // namespace spliced::dbus
