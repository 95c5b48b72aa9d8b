// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "errands.h"
#include "setup.h"
#include "spliced/util/deed.h"
#include "spliced/util/unique_fd.h"
#include "work.h"

namespace spliced::dbus {

// org.spliced.Manager1 and its jobs on the bus, and the shutdown inhibitor of login1 while a destructive job runs.
//
// One thread does everything that touches the bus, and waits for nothing else: calls that look at disks are run by
// Errands, login1 and polkit are asked without waiting. Without a bus, or when it goes away, the daemon goes on: that
// is logged once, and the adapter tries again every other second. A bus that takes a connection and says nothing is
// given up after 25 s, which is sd-bus's own limit.
class BusAdapter {
 public:
  explicit BusAdapter(BusSetup setup);
  ~BusAdapter();  // waits for all of it, however long that takes
  BusAdapter(const BusAdapter&) = delete;
  BusAdapter& operator=(const BusAdapter&) = delete;

  void start();
  [[nodiscard]] bool connected() const { return connected_; }
  // Ends the connection, and waits for what is under way. false: something takes longer than `limit`, as a disk or a
  // bus does that does not answer; the process must end without the destructor then. Idempotent.
  [[nodiscard]] bool stop(util::Nanos limit);

 private:
  class Session;
  // Of a call: what its errand came back with.
  struct Answer {
    std::uint64_t ticket;
    Outcome outcome;
  };
  void run(const std::stop_token& stop);
  void serve(const std::stop_token& stop, Session& session);
  void pause(const std::stop_token& stop, int milliseconds);
  [[nodiscard]] std::vector<job::Event> take_news();
  void post(Answer answer);
  [[nodiscard]] std::vector<Answer> take_answers();
  void wake() const;
  void set_state(bool connected, const std::string& reason);

  const BusSetup setup_;
  const std::shared_ptr<util::UniqueFd> wake_fd_;  // whoever tells of an event holds it, too
  std::mutex mutex_;                               // guards answers_ and ended_
  std::condition_variable end_;
  std::uint64_t seen_ = 0;  // the last event that was taken; the thread's own
  std::vector<Answer> answers_;
  bool ended_ = true;              // there is no thread, or it has come to its end
  std::uint64_t next_ticket_ = 1;  // used by the bus thread alone
  std::atomic<bool> connected_{false};
  bool reported_loss_ = false;
  util::DeedLog deeds_;
  Errands errands_;
  std::jthread thread_;
  std::shared_ptr<void> subscription_;
};

}  // namespace spliced::dbus
