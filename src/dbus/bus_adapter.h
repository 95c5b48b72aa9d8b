#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "spliced/job/service.h"
#include "spliced/util/unique_fd.h"

namespace spliced::dbus {

enum class BusKind { system, session };

struct BusSetup {
  BusKind kind = BusKind::system;
  job::JobService& service;
  util::Logger& log;
  std::string version;
  // A job definition as the API takes it → a running job.
  std::function<util::Result<job::JobSnapshot>(const std::string& definition)> submit;
};

// org.spliced.Manager1 on the bus, and the shutdown inhibitor of login1 while a destructive job runs.
//
// One thread does everything that touches the bus. Without a bus, or when it goes away, the daemon goes on: that is
// logged once, and the adapter tries again with growing pauses.
class BusAdapter {
 public:
  explicit BusAdapter(BusSetup setup);
  ~BusAdapter() { stop(); }
  BusAdapter(const BusAdapter&) = delete;
  BusAdapter& operator=(const BusAdapter&) = delete;

  void start();
  // Thread-safe; only queues.
  void on_state_change(const job::StateChange& change);
  [[nodiscard]] bool connected() const { return connected_; }
  void stop();  // idempotent; joins

 private:
  class Session;
  void run(const std::stop_token& stop);
  void serve(const std::stop_token& stop, Session& session);
  void pause(const std::stop_token& stop, int milliseconds);
  [[nodiscard]] std::vector<job::StateChange> take_changes();
  void note_state(bool connected, const std::string& reason);

  const BusSetup setup_;
  util::UniqueFd wake_fd_;
  std::mutex mutex_;  // guards changes_
  std::vector<job::StateChange> changes_;
  std::vector<std::string> destructive_jobs_;  // that run; used by the bus thread alone
  std::atomic<bool> connected_{false};
  bool reported_loss_ = false;
  std::jthread thread_;
};

}  // namespace spliced::dbus
