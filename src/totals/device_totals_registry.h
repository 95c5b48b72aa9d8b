// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "run/device_run.h"
#include "spliced/totals/telemetry.h"

namespace spliced::totals {

// What each device has done since the daemon got to know it. Counters here never go down, whatever jobs come and go: a
// reader takes the totals and the runs that are not in them under one lock, and sums up without it, as histograms take
// their time. What has been idle for long leaves, and begins at 0 should it come back. Thread-safe; never looks at a
// device.
class DeviceTotalsRegistry {
 public:
  static constexpr std::size_t kMaxDevices = 4096;
  static constexpr util::Nanos kIdleLimit = 3600 * util::kSecond;

  // Makes a block device of this machine known, with all its counters at 0, unless the table is full.
  void register_device(const device::TargetFacts& facts, util::Nanos now);
  // What was found at the place of a target that nothing runs on: its facts as they are now, or that it is gone.
  void follow(const std::string& name, const std::optional<device::TargetFacts>& found);
  // The targets that nothing runs on, as they were last seen.
  [[nodiscard]] std::vector<device::TargetFacts> idle() const;
  // Lets those go that have been idle longest until devices of these names fit. false, and nothing happens: too many
  // are running.
  [[nodiscard]] bool make_room_for(const std::vector<std::string>& names);
  void attach(const std::shared_ptr<run::DeviceRun>& run);
  // Adds the counts of a run whose workers have all left. Does nothing for one that was not attached.
  void add_ended(const std::shared_ptr<run::DeviceRun>& run, bool failed, util::Nanos now);
  // What a run on that device came to; its counts may come in later.
  void conclude(const std::string& name, verdict::Verdict verdict, run::WallTime ended);
  // Lets go what has been idle for kIdleLimit, but for devices that were registered and are among `present` still.
  void sweep(util::Nanos now, const std::set<std::string>& present);
  [[nodiscard]] std::vector<DeviceTelemetry> read(util::Nanos now) const;
  // The counts of all that have left.
  [[nodiscard]] DepartedTotals departed() const;

 private:
  struct Record {
    // Never changed, but replaced, both: a reader takes a thousand of them with him.
    std::shared_ptr<const device::TargetFacts> facts = std::make_shared<const device::TargetFacts>();
    std::shared_ptr<const run::DeviceTotals>
        totals;  // never changed, but replaced: readers go on with it; null for none
    std::vector<std::shared_ptr<run::DeviceRun>> runs;  // not added to totals yet; the newest last
    bool registered = false;
    util::Nanos idle_since = 0;  // meaningless while there are runs
    bool last_failed = false;
    bool gone = false;  // as far as is known
    verdict::Verdict last_verdict = verdict::Verdict::none;
    std::optional<run::WallTime> last_end;
    std::optional<run::WallTime> last_completion;
    run::EngineState engine_state;
    // Counters stay, whatever comes to its place; what was said of the one before is not said of the next.
    void became_another();
  };
  using Records = std::map<std::string, Record>;
  [[nodiscard]] std::vector<Record> records() const;
  [[nodiscard]] bool forget_idle(std::size_t count, const std::vector<std::string>& but_these);
  Records::iterator forget(Records::iterator record);

  mutable std::mutex mutex_;
  Records records_;
  DepartedTotals departed_;
};

}  // namespace spliced::totals
