// SPDX-License-Identifier: Apache-2.0
// Which CPUs a thread runs on (sched_setaffinity(2)), and how long it waits for one.
#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "spliced/util/clock.h"

namespace spliced::util {

// Binds the calling thread to one of the CPUs that it may run on: to the `index`-th, counted round and round. Where the
// system does not permit that, it stays as it is.
void stay_on_cpu(std::size_t index);

// What the kernel's scheduler tells of one thread, and lets it ask for. Belongs to that thread.
class ThreadCpus {
 public:
  // Since the thread began, as /proc/thread-self/schedstat has it: nanoseconds.
  struct Times {
    Nanos ran = 0;
    Nanos waited = 0;  // while it was ready to run
  };

  virtual ~ThreadCpus() = default;
  // Those that the thread might run on when this was made.
  [[nodiscard]] virtual const std::vector<std::size_t>& allowed() const = 0;
  // Where it runs now.
  [[nodiscard]] virtual std::size_t current() const = 0;
  // None where the kernel does not keep them (CONFIG_SCHED_INFO).
  [[nodiscard]] virtual std::optional<Times> times() = 0;
  // Binds it to one CPU of those that it may run on now; not while it is bound. false, and nothing happens, when the
  // system does not permit that.
  virtual bool bind(std::size_t cpu) = 0;
  // It may run again wherever it might before, unless somebody else has said in the meantime where it may.
  virtual void unbind() = 0;
};

// Those of the calling thread.
[[nodiscard]] std::unique_ptr<ThreadCpus> cpus_of_this_thread();

}  // namespace spliced::util
