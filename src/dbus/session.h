// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sdbus-c++/sdbus-c++.h>

#include <map>
#include <memory>
#include <string>

#include "bus_adapter.h"
#include "inhibitor.h"

namespace spliced::dbus {

// One connection to the bus with our object on it; lives as long as the connection does. Bus thread only; every call
// may throw sdbus::Error. No method waits for anything: what looks at disks is done by an errand of the adapter, and
// answered when that comes back.
// id, name, state, verdict, progress
using JobRow = sdbus::Struct<std::string, std::string, std::string, std::string, double>;

class BusAdapter::Session {
 public:
  Session(const BusSetup& setup, BusAdapter& adapter);

  // Handles what has arrived; false when there is nothing left.
  [[nodiscard]] bool process() { return connection_->processPendingRequest(); }
  [[nodiscard]] sdbus::IConnection::PollData poll_data() const { return connection_->getEventLoopPollData(); }
  void emit(const job::StateChange& change);
  void answer(const Answer& answer);
  [[nodiscard]] Inhibitor& inhibitor() { return inhibitor_; }

 private:
  void register_object();
  void submit(sdbus::MethodCall call);
  void validate(sdbus::MethodCall call);
  // Who calls, and what they may do.
  struct Caller {
    std::string peer;  // for the log
    access::Admission admission;
  };
  [[nodiscard]] Caller caller_of(const sdbus::Message& message) const;
  [[nodiscard]] access::Principal caller(access::Scope needed, const char* call, std::string& peer) const;
  [[nodiscard]] std::vector<JobRow> list_jobs() const;
  void cancel(const std::string& id);
  void list_devices(sdbus::MethodCall call);
  void send_on_errand(sdbus::MethodCall call, std::function<Outcome()> errand);

  const BusSetup& setup_;
  BusAdapter& adapter_;
  std::unique_ptr<sdbus::IConnection> connection_;
  std::unique_ptr<sdbus::IObject> object_;
  std::unique_ptr<sdbus::IProxy> bus_;
  Inhibitor inhibitor_;
  std::map<std::uint64_t, sdbus::MethodCall> calls_;  // whose errands are under way, by ticket
};

}  // namespace spliced::dbus
