// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "job_state.h"
#include "listing.h"
#include "quota.h"
#include "run/device_run.h"
#include "run/pause_gate.h"
#include "spliced/access/principal.h"
#include "spliced/job/event.h"
#include "spliced/job/service.h"

namespace spliced::job {

class Job;

// What became of a job, for those who are to know.
struct Change {
  std::string job;
  State state = State::pending;
  Verdict verdict = Verdict::none;
  std::string reason;
  std::optional<JobView> record;  // the job as it is to be recorded; none of what a restart makes nothing of
  bool silent = false;            // it is recorded, and nothing is told
  std::string log_line;
  std::shared_ptr<Job> ended;  // when that is its end
  EventKind kind = EventKind::state;
  EventPlace place = {};
};

// Whether somebody may submit such a job, or stop and forget this one. Error: forbidden.
[[nodiscard]] util::Status may_submit(const JobSpec& spec, const access::Principal& who);
[[nodiscard]] util::Status may_control(const Job& job, const access::Principal& who);

// One job: what is asked for, what it came to, and the runs of its devices until its end is recorded. Thread-safe; its
// lock is held for moments, never while anything is added up, shown or written.
class Job : public std::enable_shared_from_this<Job> {
 public:
  using Runs = std::vector<std::shared_ptr<run::Run>>;
  // Called with the lock held, so that what becomes of a job is told in the order in which it did: it only queues.
  using Sink = std::function<void(Change)>;

  Job(std::string id, std::string run_id, JobSpec spec, std::string created_by, util::Clock& clock, Sink sink);
  // One that has ended under an earlier daemon.
  Job(Listing listing, util::Clock& clock);
  // One that is to be gone on with: what is known of it, with its spec. `paused`: it was.
  Job(JobSnapshot known, bool paused, util::Clock& clock, Sink sink);

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] const std::string& run_id() const { return run_id_; }
  [[nodiscard]] const std::string& created_by() const { return created_by_; }
  [[nodiscard]] std::uint64_t sequence() const { return sequence_; }
  [[nodiscard]] const std::shared_ptr<run::PauseGate>& gate() const { return gate_; }

  // Before anybody else knows the job.
  void set_sequence(std::uint64_t sequence) { sequence_ = sequence; }
  void set_runs(Runs runs);
  void set_reservation(plan::Reservation reservation);
  // It waits: for its turn, or for a device.
  void wait_in_queue();
  // Puts a run that is about to begin in the place of one that waits. false: nobody waits for it any more.
  [[nodiscard]] bool replace_waiting(std::size_t device, const std::shared_ptr<run::Run>& run);
  void record_progress();                                      // what it is by now, without telling anybody
  void set_waiting(std::size_t position, std::string reason);  // 0: it does not

  void begin();              // QUEUED or PENDING → RUNNING, and on to what was asked for meanwhile
  void stop(State becomes);  // of one that has begun, if it is not stopping yet; the supervisor tells the devices
  void cancel();             // the same, and whenever it begins
  [[nodiscard]] util::Status pause_or_resume(State wanted);  // idempotent; error: not_running
  // It is over. `ends` has the state `stopping` where a device was stopped from outside. `also` is called with the lock
  // held: what nobody may see the end without.
  void conclude(std::vector<DeviceEnd> ends, util::Nanos now, WallTime ended_at,
                const std::function<void(State, Verdict)>& also, std::vector<verdict::Peers> peers = {});
  // Nothing of it runs any more, and the next daemon goes on with it. `also`: as with conclude().
  void leave(const std::function<void()>& also);
  [[nodiscard]] bool is_left() const;        // it has been
  [[nodiscard]] bool is_to_be_left() const;  // when all of it has stopped
  // From now on the job is what is given here: the runs go, whose workers have memory.
  void replace_runs(JobView whole, Listing listing);
  void forget_figures();  // those that replace_runs() gave; the list still knows the job
  [[nodiscard]] Runs take_runs();

  [[nodiscard]] State state() const;
  [[nodiscard]] std::optional<WallTime> ended_at() const;
  [[nodiscard]] Runs runs() const;
  [[nodiscard]] std::optional<plan::Reservation> reservation() const;
  [[nodiscard]] JobSpec spec() const;
  // What the supervisor looks at.
  struct Watched {
    std::shared_ptr<Job> job;
    Runs runs;
    State state;
    Criteria criteria;
    bool leaves = false, left = false;  // see leave()
  };
  [[nodiscard]] Watched watched();
  // Takes what is needed and reads none of it: figures, percentiles above all, are made when the view is read. Where
  // only the store has them, device() is empty, and so is the spec but for its name.
  [[nodiscard]] JobView view() const;
  [[nodiscard]] JobSummary summary() const;
  [[nodiscard]] bool is_on(const std::string& device) const;  // by its kernel name or path
  // Whether it has ended when this returns; that is so at the latest when `limit` is over, or `enough` says so, which
  // is asked ten times a second under the lock.
  [[nodiscard]] bool wait_until_ended(util::Nanos limit, const std::function<bool()>& enough) const;

 private:
  // Called with the lock held.
  void publish(EventKind kind = EventKind::state);
  void record_locked(bool is_last = false);
  [[nodiscard]] JobView view_locked() const;
  [[nodiscard]] JobSnapshot header() const;
  template <class T>
  void describe(T& out) const;

  const std::string id_, run_id_;
  const std::string created_by_;
  const WallTime created_at_;
  util::Clock& clock_;
  const Sink sink_;
  const std::shared_ptr<run::PauseGate> gate_;
  std::uint64_t sequence_ = 0;

  mutable std::mutex mutex_;  // guards the rest
  mutable std::condition_variable ended_;
  JobSpec spec_;  // nothing but its name once the end is recorded
  JobState now_;
  bool cancel_requested_ = false;  // before it ran
  bool leaves_ = false, left_ = false;
  State before_stop_ = State::pending;
  std::optional<plan::Reservation> reservation_;
  std::size_t position_ = 0;    // in the queue, from 1 on; 0: it does not wait
  std::string waiting_reason_;  // why
  std::optional<WallTime> started_at_, ended_at_;
  util::Nanos elapsed_before_ = 0;  // under earlier daemons
  std::vector<Interruption> interruptions_;
  util::Nanos started_now_ = 0, ended_now_ = 0;  // by the clock of the runs; 0: it did not
  Runs runs_;
  std::vector<verdict::Peers> peers_;       // what the devices show of one another, likewise
  std::vector<State> outcomes_;             // of the runs, once the job has ended
  std::optional<JobView> whole_;            // of a job that ended a short time ago
  std::shared_ptr<const Listing> listing_;  // set when the end is recorded
};

}  // namespace spliced::job
