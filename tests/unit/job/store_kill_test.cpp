// SPDX-License-Identifier: Apache-2.0
// A daemon that is killed at any step of a write leaves a store that the next one can go on from.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>

#include "job/listing.h"
#include "service_fixture.h"
#include "spliced/workload/cursor.h"

namespace spliced::job {
namespace {

constexpr std::size_t kTargets = 2;  // that are written without end
constexpr std::size_t kTold = 64;
constexpr int kChildren = 6;     // at the same time
constexpr int kGenerations = 5;  // daemons over one state directory, each killed
constexpr std::uint64_t kEarlySteps = 80, kLateSteps = 1500;
constexpr auto kFlush = std::chrono::milliseconds(10);
constexpr auto kLife = std::chrono::milliseconds(1800);

int rounds_wanted() {
  const char* text = std::getenv("SPLICED_KILL_ROUNDS");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return text == nullptr ? 24 : std::atoi(text);  // each child takes its time to start
#else
  return text == nullptr ? 50 : std::atoi(text);
#endif
}

// What a child tells, whatever becomes of it.
struct Told {
  using Id = std::array<char, 40>;
  struct Ids {
    std::atomic<std::size_t> count{0};
    std::array<Id, kTold> ids{};
    void add(const std::string& id) {
      if (count == kTold) return;
      std::memcpy(ids[count].data(), id.c_str(), std::min(id.size() + 1, sizeof(Id)));
      ++count;
    }
    [[nodiscard]] std::vector<std::string> all() const {
      std::vector<std::string> out;
      for (std::size_t i = 0; i < count; ++i) out.emplace_back(ids[i].data());
      return out;
    }
  };
  Ids accepted, begun_to_forget, forgotten;
  std::array<std::atomic<std::uint64_t>, kTargets> written{};  // operations that have ended
  std::array<std::atomic<std::uint64_t>, kTargets> flushed{};  // of them, those before the last FLUSH
};
struct Unmap {
  void operator()(Told* told) const { ::munmap(told, sizeof *told); }
};
using Shared = std::unique_ptr<Told, Unmap>;
Shared share() {
  void* memory = ::mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return Shared(new (memory) Told);
}

// Checkpoints of seconds, in a test of one.
class FastClock final : public util::Clock {
 public:
  util::Nanos now() override { return kTimes * util::system_clock().now(); }
  void sleep_until(util::Nanos when) override { util::system_clock().sleep_until(when / kTimes); }

 private:
  static constexpr util::Nanos kTimes = 50;
};

// Targets are known by their size.
std::size_t target_of(int fd) {
  struct stat st {};
  return ::fstat(fd, &st) == 0 ? static_cast<std::size_t>(st.st_size >> 20) - 1 : kTargets;
}

// Moves nothing, and tells how much of it.
class CountingEngine final : public engine::Engine {
 public:
  CountingEngine(util::Clock& clock, std::stop_token stop, std::atomic<std::uint64_t>* written)
      : null_(clock, std::move(stop)), written_(written) {}
  [[nodiscard]] engine::Traits traits() const override { return null_.traits(); }
  [[nodiscard]] std::size_t submit(std::span<engine::IoSlot* const> slots) override { return null_.submit(slots); }
  [[nodiscard]] std::size_t reap(std::span<engine::IoSlot*> ended, std::size_t min, util::Nanos until) override {
    const std::size_t count = null_.reap(ended, min, until);
    if (written_ != nullptr) *written_ += count;
    return count;
  }
  [[nodiscard]] std::size_t withdraw(std::span<engine::IoSlot*> slots) override { return null_.withdraw(slots); }
  void use(engine::Direction direction, const engine::Setting& setting) override { null_.use(direction, setting); }
  void release() override { null_.release(); }
  [[nodiscard]] engine::InFlight in_flight() const override { return null_.in_flight(); }
  void add_events(std::span<std::uint64_t> out) const override { null_.add_events(out); }
  void read(std::span<std::uint64_t> out) const override { null_.read(out); }

 private:
  engine::NullEngine null_;
  std::atomic<std::uint64_t>* const written_;
};

// A daemon over a state directory, until it is killed.
class Daemon {
 public:
  Daemon(const testing::TempDir& dir, const testing::FakeHost& host, Told& told, std::uint64_t last_step)
      : dir_(dir), told_(told), admission_(device::AllowList({dir.path() + "/"}), host.paths()) {
    store_ = store::open_sqlite_store(dir / "state.db", [this, last_step](const char*) {
               if (++steps_ == last_step) ::kill(::getpid(), SIGKILL);
             }).value();
    ServiceLimits limits;
    limits.kept_jobs = 6;
    const auto engines = [this](const engine::EngineConfig& config, util::Clock& clock, std::stop_token stop) {
      const std::size_t target = target_of(config.fd);
      return std::make_unique<CountingEngine>(clock, std::move(stop),
                                              target < kTargets ? &told_.written[target] : nullptr);
    };
    const auto flush = [this](int fd) {
      const std::size_t target = target_of(fd);
      if (target >= kTargets) return 0;
      told_.flushed[target] = told_.written[target].load();
      std::this_thread::sleep_for(kFlush);  // and more is done meanwhile
      return 0;
    };
    const auto memory = []() -> std::optional<util::MemoryBound> { return std::nullopt; };
    service_ = std::make_unique<JobService>(
        ServiceSetup{clock_, log_, admission_, *store_, engines, testing::simple_form(), limits, memory, flush});
  }

  [[noreturn]] void live() {
    if (!service_->restore()) ::_exit(2);
    const auto end = std::chrono::steady_clock::now() + kLife;
    std::vector<std::string> endless;
    for (std::size_t i = 0; i < kTargets; ++i) {
      plan::JobSpec spec = testing::writing({dir_ / ("w" + std::to_string(i))});
      testing::io(spec).workload.time_based = true;
      testing::io(spec).workload.runtime = 36000 * util::kSecond;
      testing::io(spec).workload.rate_iops = workload::RateLimit(200);  // of the fast seconds
      endless.push_back(submit(spec));
    }
    std::string before;
    for (int round = 0; std::chrono::steady_clock::now() < end; ++round) {
      const std::string id = submit(testing::reading({dir_ / "r"}));
      (void)service_->wait(id, testing::kPatienceNanos);
      if (round % 2 == 0) (void)service_->pause(endless[1], access::itself());
      if (round % 2 == 1) (void)service_->resume(endless[1], access::itself());
      if (round == 4) (void)service_->cancel(endless[0], access::itself());
      if (!before.empty()) forget(before);
      before = id;
      std::this_thread::sleep_for(std::chrono::milliseconds(60));
    }
    ::_exit(0);
  }

 private:
  std::string submit(const plan::JobSpec& spec) {
    for (;;) {
      const auto job = service_->submit(spec, access::itself());
      if (job) {
        told_.accepted.add(job->id);
        return job->id;
      }
      // A disk may take its time, and then it is not accepted.
      if (job.error().code == util::Errc::unavailable) continue;
      std::fprintf(stderr, "%s\n", job.error().message.c_str());
      ::_exit(3);
    }
  }
  void forget(const std::string& id) {
    told_.begun_to_forget.add(id);
    if (service_->forget(id, access::itself())) told_.forgotten.add(id);
  }

  const testing::TempDir& dir_;
  Told& told_;
  FastClock clock_;
  util::NullLogger log_;
  device::TargetAdmission admission_;
  std::atomic<std::uint64_t> steps_{0};
  std::unique_ptr<store::JobStore> store_;
  std::unique_ptr<JobService> service_;
};

// One state directory, and the daemons that were killed over it.
struct Lineage {
  Lineage() {
    for (std::size_t i = 0; i < kTargets; ++i) dir.file("w" + std::to_string(i), (i + 1) << 20);
    dir.file("r", 40'960);
  }
  testing::FakeHost host;
  testing::TempDir dir;
  Shared told;
  pid_t child = 0;
  std::uint64_t last_step = 0;
  std::set<std::string> kept;  // accepted by earlier daemons, and not forgotten

  void begin(std::uint64_t at_step) {
    told = share();
    last_step = at_step;
    child = ::fork();
    if (child != 0) return;
    try {
      Daemon(dir, host, *told, at_step).live();
    } catch (const std::exception& error) {
      (void)!::write(2, error.what(), std::strlen(error.what()));
    }
    ::_exit(4);
  }
  // Whether it was killed, at the step that it was to.
  [[nodiscard]] bool await_end() const {
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0) << status;
    return WIFSIGNALED(status);
  }
};

bool is_known(const std::string& state) {
  return std::find(kStateNames.begin(), kStateNames.end(), state) != kStateNames.end();
}

void check_jobs(const std::vector<store::StoredJob>& jobs) {
  std::set<std::string> ids, run_ids;
  std::set<std::uint64_t> sequences;
  for (const auto& job : jobs) {
    EXPECT_TRUE(ids.insert(job.id).second) << job.id;
    EXPECT_TRUE(run_ids.insert(job.run_id).second) << job.run_id;
    EXPECT_TRUE(sequences.insert(job.sequence).second) << job.sequence;
    EXPECT_TRUE(is_known(job.state)) << job.state;
    EXPECT_EQ(is_final(summary_of(job).state), job.ended_at.has_value()) << job.state;
    EXPECT_TRUE(job.verdict != "PASS" || job.state == "SUCCEEDED") << job.state;
    EXPECT_FALSE(job.devices.empty());
  }
}

void check_told(Lineage& one, const std::vector<store::StoredJob>& jobs) {
  std::set<std::string> stored;
  for (const auto& job : jobs) stored.insert(job.id);
  for (const auto& id : one.told->accepted.all()) one.kept.insert(id);
  const auto begun = one.told->begun_to_forget.all();
  for (const auto& id : begun) one.kept.erase(id);
  for (const auto& id : one.told->forgotten.all()) EXPECT_FALSE(stored.contains(id)) << id << " was forgotten";
  // Beyond those that are kept, the oldest give way.
  std::size_t missing = 0;
  for (auto id = one.kept.begin(); id != one.kept.end();) {
    const bool there = stored.contains(*id);
    missing += there ? 0 : 1;
    id = there ? std::next(id) : one.kept.erase(id);
  }
  EXPECT_TRUE(missing == 0 || jobs.size() >= 6) << missing << " that were accepted are gone";
}

void check_events(store::JobStore& store, const std::vector<store::StoredJob>& jobs) {
  std::map<std::string, std::string> last;
  std::uint64_t before = 0;
  for (const auto& event : store.events(0, 100'000, "")) {
    EXPECT_GT(event.id, before);
    before = event.id;
    EXPECT_TRUE(is_known(event.state)) << event.state;
    last[event.job] = event.state;
  }
  EXPECT_LE(before, store.last_event().value());
  for (const auto& job : jobs) {
    EXPECT_TRUE(!job.ended_at || last[job.id] == job.state) << "the end is told with the job";
    last.erase(job.id);
  }
  EXPECT_TRUE(last.empty()) << "events of jobs that are not there";
}

void check_cursors(store::JobStore& store, const std::vector<store::StoredJob>& jobs, const Told& told,
                   std::size_t& cursors) {
  const auto accepted = told.accepted.all();
  for (const auto& job : jobs) {
    // Of earlier daemons nothing was counted here.
    if (std::find(accepted.begin(), accepted.end(), job.id) == accepted.end()) continue;
    const auto stored = store.checkpoints(job.id);
    ASSERT_TRUE(stored);
    std::vector<store::StoredCursor> all;
    for (const auto& one : *stored) all.insert(all.end(), one.cursors.begin(), one.cursors.end());
    for (const auto& cursor : all) {
      ++cursors;
      const std::size_t target = job.devices.at(cursor.device).ends_with("w0") ? 0 : 1;
      EXPECT_TRUE(workload::unpack(cursor.position, cursor.watermark, cursor.above));
      EXPECT_LE(cursor.watermark, told.flushed.at(target)) << "ahead of its FLUSH";
    }
  }
}

TEST(KilledStore, WhatIsLeftCanBeGoneOnFrom) {
  std::uint64_t random = 0x9E3779B97F4A7C15U;
  const auto next_step = [&] {
    random = random * 6364136223846793005U + 1442695040888963407U;
    return 1 + (random >> 33) % (random >> 20 & 1 ? kEarlySteps : kLateSteps);
  };
  int killed = 0;
  std::size_t cursors = 0;
  std::vector<std::unique_ptr<Lineage>> lineages;
  for (int round = 0; round < rounds_wanted(); round += kChildren) {
    if (round / kChildren % kGenerations == 0) {
      lineages.clear();
      for (int i = 0; i < kChildren; ++i) lineages.push_back(std::make_unique<Lineage>());
    }
    for (auto& one : lineages) one->begin(next_step());
    for (auto& one : lineages) killed += one->await_end() ? 1 : 0;
    for (auto& one : lineages) {
      SCOPED_TRACE("round " + std::to_string(round) + ", step " + std::to_string(one->last_step));
      const auto store = store::open_sqlite_store(one->dir / "state.db");
      ASSERT_TRUE(store) << store.error().message;
      const auto jobs = (*store)->load(1000);
      ASSERT_TRUE(jobs);
      check_jobs(*jobs);
      check_told(*one, *jobs);
      check_events(**store, *jobs);
      check_cursors(**store, *jobs, *one->told, cursors);
    }
  }
  std::printf("%d of %d daemons were killed at a step of a write; %zu cursors were looked at\n", killed,
              rounds_wanted(), cursors);
  EXPECT_GT(killed, rounds_wanted() / 3);
  EXPECT_GT(cursors, 0U);
}

}  // namespace
}  // namespace spliced::job
