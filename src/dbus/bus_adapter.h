// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "errands.h"
#include "spliced/access/doorkeeper.h"
#include "spliced/job/service.h"
#include "spliced/util/unique_fd.h"

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

// org.spliced.Manager1 on the bus, and the shutdown inhibitor of login1 while a destructive job runs.
//
// One thread does everything that touches the bus, and waits for nothing else: calls that look at disks are run by
// Errands, login1 is asked without waiting. Without a bus, or when it goes away, the daemon goes on: that is
// logged once, and the adapter tries again with growing pauses.
class BusAdapter {
 public:
  explicit BusAdapter(BusSetup setup);
  ~BusAdapter();  // waits for all of it, however long that takes
  BusAdapter(const BusAdapter&) = delete;
  BusAdapter& operator=(const BusAdapter&) = delete;

  void start();
  // Thread-safe; only queues.
  void on_state_change(const job::StateChange& change);
  [[nodiscard]] bool connected() const { return connected_; }
  // Ends the connection, and waits for what is under way. false: something takes longer than `limit`, as a disk does
  // that does not answer; the process must end without the destructor then. Idempotent.
  [[nodiscard]] bool stop(util::Nanos limit);

 private:
  class Session;
  using Outcome = std::variant<util::Error, std::string, Plan, std::vector<job::DeviceStatus>>;
  // Of a call: what its errand came back with.
  struct Answer {
    std::uint64_t ticket;
    Outcome outcome;
  };
  void run(const std::stop_token& stop);
  void serve(const std::stop_token& stop, Session& session);
  void pause(const std::stop_token& stop, int milliseconds);
  [[nodiscard]] std::vector<job::StateChange> take_changes();
  void post(Answer answer);
  [[nodiscard]] std::vector<Answer> take_answers();
  void wake() const;
  void note_state(bool connected, const std::string& reason);

  const BusSetup setup_;
  util::UniqueFd wake_fd_;
  std::mutex mutex_;  // guards changes_, answers_ and ended_
  std::condition_variable end_;
  std::vector<job::StateChange> changes_;
  std::vector<Answer> answers_;
  bool ended_ = true;                          // there is no thread, or it has come to its end
  std::uint64_t next_ticket_ = 1;              // used by the bus thread alone
  std::vector<std::string> destructive_jobs_;  // that run; used by the bus thread alone
  std::atomic<bool> connected_{false};
  bool reported_loss_ = false;
  Errands errands_;
  std::jthread thread_;
};

}  // namespace spliced::dbus
