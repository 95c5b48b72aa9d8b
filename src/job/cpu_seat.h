// SPDX-License-Identifier: Apache-2.0
// Which CPU a worker runs on.
//
// Left to itself, the kernel's scheduler moves a thread that sleeps for every block from CPU to CPU. Then the thread of
// the kernel that does the I/O is woken on a CPU that was halted, and so is the worker when it is done: on a loop
// device that doubles the time and the CPU time of a small block. A worker that stays where it is has up to twice the
// throughput; where it stays for good and something else wants that CPU, or the disk's interrupts arrive on another
// one, it loses up to nine tenths. So a worker keeps its CPU only as long as it gains by it.
#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "comparison.h"
#include "spliced/util/cpus.h"

namespace spliced::job {

// The CPUs that workers keep: no two keep the same one. Thread-safe.
class CpuSeats {
 public:
  [[nodiscard]] bool take(std::size_t cpu) { return cpu < taken_.size() && !taken_[cpu].exchange(true); }
  void give_back(std::size_t cpu) { taken_[cpu] = false; }

 private:
  std::array<std::atomic<bool>, 1024> taken_{};  // as many as a cpu_set_t holds
};

// The CPU of one worker. It compares keeping the CPU that it is on with being moved about, while the I/O is done, and
// keeps it unless being moved is clearly faster. Once it waits for its CPU it is let go, and compares again later.
// Belongs to the worker's thread.
class CpuSeat {
 public:
  static constexpr util::Nanos kLook = 3 * util::kSecond / 100;  // between two looks at how long it waits
  static constexpr int kLooks = 2;                               // so many in a row must show that it waits too long
  static constexpr util::Nanos kSoon = util::kSecond / 10;       // from being let go to the next comparison, at first
  static constexpr util::Nanos kLate = 10 * util::kSecond;       // between comparisons otherwise
  static constexpr double kWorthwhile = 0.95;  // being moved must take less than this share of the time to win
  // The share of the time in which it wants to run that it may wait. Two that always run on one CPU wait half of
  // theirs; what a kernel thread costs that serves it on the same CPU was rarely seen to be more than 0.4.
  static constexpr double kCrowded = 0.42;
  static constexpr double kIdle = 0.05;  // who wants to run for a smaller share of all time leaves the CPU to others

  // `cpus`, of the calling thread, may be null: then it leaves everything as it is. Both outlive it.
  CpuSeat(CpuSeats& seats, util::ThreadCpus* cpus);
  ~CpuSeat() { leave(); }
  CpuSeat(const CpuSeat&) = delete;
  CpuSeat& operator=(const CpuSeat&) = delete;

  // Whether note() wants to know how long the I/O takes.
  [[nodiscard]] bool comparing() const { return comparison_.has_value(); }
  // Whether note() has something to do.
  [[nodiscard]] bool due(util::Nanos now) const { return now >= due_; }
  // I/O ended at `now`. If comparing: how many bytes it moved, 0 if it failed, in what time.
  void note(util::Nanos now, std::uint64_t bytes, util::Nanos time);

  [[nodiscard]] std::optional<std::size_t> cpu() const { return kept_; }

 private:
  enum Way : std::size_t { keep_it, be_moved, kWays };
  // Of the time since the last look.
  struct Share {
    double wanted;  // to run, of all
    double waited;  // of what it wanted
  };

  void compare();
  void go_on_comparing(util::Nanos now, std::uint64_t bytes, util::Nanos time);
  void take(std::size_t candidate) { candidate == keep_it ? keep() : leave(); }
  void keep();
  void leave();
  bool keep(std::size_t cpu);
  void look(util::Nanos now);
  Share share_until(util::Nanos now);

  CpuSeats& seats_;
  util::ThreadCpus* const cpus_;
  util::Nanos due_;
  util::Nanos compare_at_ = 0;
  util::Nanos patience_ = kSoon;
  std::optional<std::size_t> kept_;
  std::optional<Comparison> comparison_;
  util::Nanos looked_ = 0;
  util::ThreadCpus::Times times_;  // then
  int crowded_ = 0;                // looks in a row
};

}  // namespace spliced::job
