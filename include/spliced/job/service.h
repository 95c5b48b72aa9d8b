// SPDX-License-Identifier: Apache-2.0
// The one door to jobs and devices: what HTTP, D-Bus and the metrics are adapters of.
#pragma once
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "spliced/access/principal.h"
#include "spliced/device/target_admission.h"
#include "spliced/engine/capabilities.h"
#include "spliced/job/event.h"
#include "spliced/job/record_form.h"
#include "spliced/job/snapshot.h"
#include "spliced/plan/report.h"
#include "spliced/plan/resource_limits.h"
#include "spliced/run/engine_factory.h"
#include "spliced/store/job_store.h"
#include "spliced/util/clock.h"
#include "spliced/util/log.h"
#include "spliced/util/memory_limit.h"

namespace spliced::job {

// Kept for the daemon itself: connections, listeners, the store, the bus, looks at the machine. At most half of what
// the process may have.
inline constexpr std::uint64_t kOwnDescriptors = 512;
// What the soft limit on descriptors leaves for jobs at this moment.
[[nodiscard]] std::uint64_t descriptors_for_jobs();

struct ServiceLimits {
  std::size_t running_jobs = 256;
  std::size_t worker_threads = 4096;                 // of all running jobs
  std::size_t kept_jobs = 1000;                      // ended jobs that can still be asked for,
  util::Nanos checkpoint = 10 * util::kSecond;       // between two records of what a running job has done
  std::size_t running_devices = 0;                   // that are worked on at a time, the others wait; 0: any number
  std::size_t queued_jobs = 1000;                    // of which no device has begun
  util::Nanos resume_timeout = 600 * util::kSecond;  // for the devices of jobs that a restart interrupted to come back
  util::Nanos overdue = util::kSecond;  // a round of the supervisor that is later than this tells of a pause
  std::uint64_t descriptors = descriptors_for_jobs();  // of each device of a job
  util::Nanos kept_time = 0;                           // and for how long after their end; 0: for ever
  // Of the figures of those jobs that ended last, which are shown without the store. Bytes.
  std::size_t recent_bytes = 16 << 20;
  plan::ResourceLimits resources = {};
};

struct ServiceSetup {
  util::Clock& clock;
  util::Logger& log;
  device::TargetAdmission& admission;
  store::JobStore& store;
  run::EngineFactory engines = run::kernel_engines();
  RecordForm form;
  ServiceLimits limits = {};
  // What limits the memory of the whole process; asked anew for each job, from any thread.
  std::function<std::optional<util::MemoryBound>()> memory = [] { return util::MemoryLimit().read(); };
  std::function<int(int fd)> flush = run::flush_target;  // see run::Environment
};

struct JobFilter {
  std::optional<State> state;
  std::string device;   // kernel name or path; "" for any
  bool active = false;  // only those that have not ended
};

// What a client says of a submission so that it is carried out once, however often it is sent: one of the two, or
// neither.
struct Once {
  std::string id;      // of the job, a UUID in lower case; "": the daemon gives one
  std::string key;     // the client's; "": none. It holds for this principal and for store::kKeyLife
  std::string digest;  // of the definition as it was sent; with a key
};
struct Submitted {
  JobSnapshot job;        // of a repeat without devices
  bool repeated = false;  // the job was there already, and nothing was done
};

// A part of a list.
struct PageRange {
  std::optional<std::uint64_t> before;  // from the newest job on whose JobSummary::sequence is less than this
  std::size_t size = std::numeric_limits<std::size_t>::max();
};
struct JobPage {
  std::vector<JobSummary> jobs;  // newest first
  bool more = false;             // there are others after the last
};

// Thread-safe. No call waits for a disk, except that submit() and validate() look at the targets they were given, and
// that the state directory is asked, within a bound, for what is not in memory of a job that has ended.
class JobService {
 public:
  explicit JobService(ServiceSetup setup);
  ~JobService();
  JobService(const JobService&) = delete;
  JobService& operator=(const JobService&) = delete;

  // Takes over the jobs of an earlier daemon; those that had not ended become INTERRUPTED. Before anything else.
  [[nodiscard]] util::Status restore();

  // Plans, claims and starts. Errors: forbidden, invalid, conflict, exhausted, unavailable, system.
  [[nodiscard]] util::Result<JobSnapshot> submit(const JobSpec& spec, const access::Principal& who);
  // The same, once: a repeat waits for the submission that it repeats, within a bound. Further errors: gone, where that
  // job was forgotten, and key_reused.
  [[nodiscard]] util::Result<Submitted> submit_once(const JobSpec& spec, const access::Principal& who,
                                                    const Once& once);
  // What submit() would say to the same caller.
  [[nodiscard]] plan::PlanReport validate(const JobSpec& spec, const access::Principal& who) const;
  [[nodiscard]] JobPage list(const JobFilter& filter, const PageRange& range) const;
  [[nodiscard]] std::vector<JobSummary> list(const JobFilter& filter) const { return list(filter, {}).jobs; }
  // The job to be read piece by piece, whatever its size. Error: unavailable, where it is to be read from the store and
  // cannot be.
  [[nodiscard]] util::Result<JobView> open(const std::string& id) const;
  // All of it at once, for jobs that are known to be small.
  [[nodiscard]] util::Result<JobSnapshot> get(const std::string& id) const;
  // Returns when the job has ended, the time is over, the daemon shuts down or `gone` says that nobody wants to know
  // any more (asked ten times a second under a lock: it must be cheap), whichever comes first.
  [[nodiscard]] util::Result<JobSummary> wait(const std::string& id, util::Nanos timeout,
                                              const std::function<bool()>& gone = {}) const;
  // Idempotent. `who`: see Principal::may_control.
  [[nodiscard]] util::Result<JobSummary> cancel(const std::string& id, const access::Principal& who);
  // Both idempotent; the error not_running of a job that neither runs nor is paused. A pause returns when no I/O is
  // done any more, or a second has passed. The claims stay.
  [[nodiscard]] util::Result<JobSummary> pause(const std::string& id, const access::Principal& who);
  [[nodiscard]] util::Result<JobSummary> resume(const std::string& id, const access::Principal& who);
  [[nodiscard]] util::Status forget(const std::string& id, const access::Principal& who);  // conflict while it runs

  [[nodiscard]] std::vector<DeviceStatus> devices() const;
  [[nodiscard]] util::Result<DeviceStatus> device(const std::string& name) const;
  [[nodiscard]] const engine::Capabilities& capabilities() const;
  [[nodiscard]] Telemetry telemetry() const;
  // Brings what telemetry() says of targets that nothing runs on up to date: devices that may be used become known
  // before any job names them, and what is gone is told as gone. Now and then only, and within a bound; see
  // TargetWatch.
  void look_at_targets() const;

  // What happened to jobs, see EventLog: recent_events() does not block, events() reads the store for what is older.
  [[nodiscard]] EventPage recent_events(std::uint64_t after, std::size_t limit, const std::string& job = "") const;
  [[nodiscard]] util::Result<EventPage> events(std::uint64_t after, std::size_t limit,
                                               const std::string& job = "") const;
  [[nodiscard]] std::uint64_t last_event() const;
  // Calls `listener` with each event, after it was recorded, from one thread at a time and without any lock, as long as
  // what is returned is held. It must not wait for anything.
  [[nodiscard]] std::shared_ptr<void> on_event(std::function<void(const Event&)> listener);

  // Whether the supervisor has been round within `limit`.
  [[nodiscard]] bool alive(util::Nanos limit) const;
  [[nodiscard]] bool accepting() const;
  // How many jobs the store has not taken in their newest state: 0, but for a store that cannot be written.
  [[nodiscard]] std::size_t unrecorded() const;
  // For how long the oldest of what is to be recorded has been waiting for the recorder or the store; 0: it is up to
  // date.
  [[nodiscard]] util::Nanos record_delay() const;
  void begin_shutdown();  // from now on submit() answers `unavailable`
  // Stops every job and waits for its workers. false: some are stuck in the kernel; their jobs are INTERRUPTED all the
  // same, and the process must end without joining them.
  [[nodiscard]] bool stop_all(util::Nanos limit);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spliced::job
