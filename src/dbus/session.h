#pragma once
#include <sdbus-c++/sdbus-c++.h>

#include <memory>
#include <string>

#include "bus_adapter.h"

namespace spliced::dbus {

// One connection to the bus with our object on it; lives as long as the connection does. Bus thread only; every call
// may throw sdbus::Error.
class BusAdapter::Session {
 public:
  explicit Session(const BusSetup& setup);

  // Handles what has arrived; false when there is nothing left.
  [[nodiscard]] bool process() { return connection_->processPendingRequest(); }
  [[nodiscard]] sdbus::IConnection::PollData poll_data() const { return connection_->getEventLoopPollData(); }
  void emit(const job::StateChange& change);
  // Takes or gives back the inhibitor. Failure to get one is logged once per connection.
  void hold_inhibitor(bool wanted);

 private:
  void register_object();

  const BusSetup& setup_;
  std::unique_ptr<sdbus::IConnection> connection_;
  std::unique_ptr<sdbus::IObject> object_;
  sdbus::UnixFd inhibitor_;
  bool inhibitor_refused_ = false;
};

}  // namespace spliced::dbus
