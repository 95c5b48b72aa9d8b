#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "device_run.h"

namespace spliced::job {

// What each device has done since the daemon started. Counters here never go down, whatever jobs come and go: the
// counts of a run that ended are added under the same lock under which a reader sums up. Thread-safe.
class Ledger {
 public:
  static constexpr std::size_t kMaxDevices = 4096;

  // Makes a device known, with all its counters at 0.
  void introduce(const device::TargetFacts& facts);
  // Whether `more` devices that are not known yet still fit.
  [[nodiscard]] bool has_room_for(const std::vector<std::string>& names) const;
  void attach(const std::shared_ptr<DeviceRun>& run);
  // Adds the counts of a run whose workers have all left.
  void settle(const std::shared_ptr<DeviceRun>& run, bool failed, util::Nanos now);
  [[nodiscard]] std::vector<DeviceTelemetry> read(util::Nanos now) const;

 private:
  struct Record {
    device::TargetFacts facts;
    DeviceTotals totals;
    std::vector<std::shared_ptr<DeviceRun>> runs;  // not settled yet; the newest last
    bool last_failed = false;
    std::optional<WallTime> last_completion;
    std::uint64_t pipe_size_bytes = 0;
  };
  Record& record_for(const device::TargetFacts& facts);

  mutable std::mutex mutex_;
  std::map<std::string, Record> records_;
};

}  // namespace spliced::job
