// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sdbus-c++/sdbus-c++.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "spliced/job/snapshot.h"

namespace spliced::dbus {

// "/org/spliced/job/…", with the id as sd_bus_path_encode(3) has it.
[[nodiscard]] std::string job_path(const std::string& id);
// 0 to 1; what is not known any more counts as done.
[[nodiscard]] double job_progress(const job::JobSummary& job);

// The objects of jobs on the bus, with their properties and the signals of ObjectManager and Properties. Bus thread
// only; may throw sdbus::Error.
class JobObjects {
 public:
  struct Hooks {
    // Before a property is told, with the message that it goes into; throws when it may not be.
    std::function<void(const sdbus::Message&)> check_reader;
    std::function<void(sdbus::MethodCall, const std::string&)> cancel, pause, resume,
        forget;  // a call, and its job's id
  };
  JobObjects(sdbus::IConnection& connection, Hooks hooks);

  struct How {
    bool with_signals = true;  // with signals
    bool progress = true;      // of a job that is in the same state as before, too
  };
  void show(const job::JobSummary& job, How how);
  void remove(const std::string& id);
  [[nodiscard]] std::vector<std::string> running() const;  // ids of those that have not ended
  // The jobs that write or trim and have not ended, in words; "" for none.
  [[nodiscard]] std::string destroying_jobs() const;

 private:
  // What is shown, in the types of the bus.
  struct Shown {
    std::string id, name, created_by, state, verdict, reason;
    std::vector<std::string> targets, devices;
    std::uint64_t target_count = 0;
    std::uint64_t created_at = 0, started_at = 0, ended_at = 0;  // microseconds since 1970; 0: not yet
    std::uint64_t errors = 0;
    double progress = 0;
    bool destructive = false, destroys = false, over = false;
  };
  struct Entry {
    Shown shown;
    std::unique_ptr<sdbus::IObject> object;
  };

  [[nodiscard]] static Shown shown_of(const job::JobSummary& job);
  void add(const job::JobSummary& job, bool with_signals);
  void publish(Entry& entry);
  static void update(Entry& entry, Shown next, bool progress);

  sdbus::IConnection& connection_;
  const Hooks hooks_;
  std::map<std::string, std::unique_ptr<Entry>> entries_;  // by id
};

}  // namespace spliced::dbus
