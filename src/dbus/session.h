// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sdbus-c++/sdbus-c++.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bus_adapter.h"
#include "door.h"
#include "inhibitor.h"
#include "job_objects.h"

namespace spliced::dbus {

// One connection to the bus with our objects on it; lives as long as the connection does. Bus thread only; every call
// may throw sdbus::Error. No method waits for anything but the bus itself, for at most 2 s: what looks at disks is done
// by an errand of the adapter, and answered when that comes back; likewise where polkit is asked.
class BusAdapter::Session {
 public:
  Session(const BusSetup& setup, BusAdapter& adapter);

  // Handles what has arrived; false when there is nothing left.
  [[nodiscard]] bool process();
  [[nodiscard]] sdbus::IConnection::PollData poll_data() const { return connection_->getEventLoopPollData(); }
  // In every round: the objects of these jobs as they are now, and the signals of their changes.
  void show(const std::vector<job::Event>& news);
  void answer(Answer answer);
  [[nodiscard]] Inhibitor& inhibitor() { return inhibitor_; }

 private:
  struct Method {
    const char* name;
    access::Scope needed;
    bool waits;  // for disks, or the state directory
    bool deed;   // changes something: each refusal is a line of the log
  };
  // Takes the arguments out of the message, once whoever calls may.
  using Read = std::function<util::Result<Work>(sdbus::MethodCall&)>;
  // A call under way.
  struct Call {
    sdbus::MethodCall message;
    Method method;
    Door::Caller caller;
    Read read;
    Work work;                                  // what was read
    access::Scope asked = access::Scope::none;  // the most that polkit was asked for
  };

  void register_manager();
  void register_properties();
  void register_method(const Method& method, const char* inputs, const char* input, const char* outputs,
                       const std::vector<std::string>& names, Read read);
  [[nodiscard]] JobObjects::Hooks job_hooks();

  void begin(sdbus::MethodCall message, const Method& method, Read read);
  // `otherwise`: the answer where polkit says no.
  void authorize(Call call, access::Scope scope, util::Error otherwise);
  void perform(Call call, const access::Principal& who);
  void finish(Call call, Outcome outcome);
  void turn_down(const Call& call, const util::Error& error);
  void reply(const Call& call, const Outcome& outcome);
  static void send_reply(const sdbus::MethodCall& call, const Outcome& outcome);
  void refresh(const std::string& job, bool progress);
  void remove_gone();

  const BusSetup& setup_;
  BusAdapter& adapter_;
  std::unique_ptr<sdbus::IConnection> connection_;
  Door door_;
  std::unique_ptr<sdbus::IObject> manager_;
  std::unique_ptr<sdbus::IObject> root_;
  JobObjects jobs_;
  Inhibitor inhibitor_;
  util::Nanos last_progress_ = 0;
  bool processing_ = false;
  std::vector<std::string> gone_;        // jobs whose objects are to be removed once nobody calls them
  std::map<std::uint64_t, Call> calls_;  // whose errands are under way, by ticket
};

}  // namespace spliced::dbus
