// SPDX-License-Identifier: Apache-2.0
// What most tests of the splice engine start from: an engine over the fake kernel, buffers, and a clock that counts.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "engine/splice/splice_engine.h"
#include "fake_kernel.h"
#include "noise.h"
#include "spliced/util/page_buffer.h"
#include "spliced/util/random.h"

namespace spliced::engine::test {

using util::Op;
using util::PageBuffer;

// Each look at it is one step later than the one before.
class CountingClock final : public util::Clock {
 public:
  util::Nanos now() override { return now_ += step; }
  void sleep_until(util::Nanos) override { ADD_FAILURE() << "the engine sleeps"; }
  util::Nanos step = 1;

 private:
  util::Nanos now_ = 0;
};

inline PageBuffer make_buffer(std::size_t bytes) {
  auto buffer = PageBuffer::allocate(bytes);
  EXPECT_TRUE(buffer.has_value());
  return std::move(*buffer);
}

inline PageBuffer make_filled(std::size_t bytes, std::uint64_t seed) {
  PageBuffer buffer = make_buffer(bytes);
  fill({buffer.data(), bytes}, seed);
  return buffer;
}

inline IoSlot make_transfer(Op op, std::uint64_t offset, std::size_t length, std::byte* buffer) {
  IoSlot transfer;
  transfer.op = op;
  transfer.offset = offset;
  transfer.length = length;
  transfer.buffer = buffer;
  return transfer;
}

inline std::uint64_t fallbacks(const SpliceCounters& counters) {
  std::uint64_t sum = 0;
  for (const auto& row : counters.fallbacks) {
    for (const auto& tally : row) sum += tally.get();
  }
  return sum;
}

inline std::uint64_t fallbacks(const SpliceCounters& counters, Fallback event, int error) {
  const auto column = std::find(kFallbackErrors.begin(), kFallbackErrors.end(), error) - kFallbackErrors.begin();
  return counters.fallbacks[static_cast<std::size_t>(event)].at(static_cast<std::size_t>(column)).get();
}

inline std::uint64_t retries(const SpliceCounters& counters, int error) {
  const auto column = std::find(kRetryErrors.begin(), kRetryErrors.end(), error) - kRetryErrors.begin();
  return counters.retries.at(static_cast<std::size_t>(column)).get();
}

inline std::uint64_t short_transfers(const SpliceCounters& counters, util::OpClass op) {
  return counters.short_transfers[static_cast<std::size_t>(op)].get();
}

inline std::uint64_t short_calls(const std::vector<Record>& records) {
  return static_cast<std::uint64_t>(std::count_if(records.begin(), records.end(), [](const Record& record) {
    return record.result >= 0 && static_cast<std::uint64_t>(record.result) < record.length;
  }));
}

// As far as the engine goes at once: up to the first that does not succeed. How many have an outcome; one that has not
// begun, because of a stop or the time, is told as stopped.
inline std::size_t run_some(Engine& engine, std::span<IoSlot> slots, util::Nanos until = 0) {
  std::vector<IoSlot*> all;
  for (IoSlot& slot : slots) all.push_back(&slot);
  const std::size_t taken = engine.submit(all);
  std::vector<IoSlot*> ended(taken);
  const std::size_t count = engine.reap(ended, taken, until);
  for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(ended[i], all[i]) << "out of order";
  std::vector<IoSlot*> left(taken);
  EXPECT_EQ(engine.withdraw(left), taken - count);
  if (count == taken || (count > 0 && all[count - 1]->outcome != Outcome::done)) return count;
  EXPECT_EQ(left[0], all[count]);
  EXPECT_EQ(left[0]->moved, 0U);
  slots[count].outcome = Outcome::stopped;
  return count + 1;
}

// All of them, past those that do not succeed.
inline void run_all(Engine& engine, std::span<IoSlot> transfers, util::Nanos until = 0) {
  while (!transfers.empty()) {
    const std::size_t ended = run_some(engine, transfers, until);
    ASSERT_GT(ended, 0U);
    ASSERT_LE(ended, transfers.size());
    transfers = transfers.subspan(ended);
  }
}

class EngineRig : public ::testing::Test {
 protected:
  EngineRig() { config.fd = kTargetFd; }
  ~EngineRig() override {
    engine_.reset();
    EXPECT_EQ(sys.open_pipes(), 0U);
    EXPECT_EQ(sys.open_mappings(), 0U);
  }

  SpliceEngine& engine() {
    if (!engine_) engine_ = std::make_unique<SpliceEngine>(config, sys, clock, stop.get_token());
    return *engine_;
  }
  const SpliceCounters& counters() { return engine().counters(); }
  void use(ReadPath path, bool pinned = false) {
    config.read_path = path;
    config.pinned = pinned;
  }
  void use_pipes_of(std::size_t bytes) {
    for (Setting& setting : config.settings) setting.size = bytes;
  }
  // Every run ends with empty pipes, whatever happened in it.
  void run(std::span<IoSlot> transfers) {
    run_all(engine(), transfers);
    EXPECT_EQ(sys.bytes_in_pipes(), 0U) << "bytes were left in the pipe";
  }
  IoSlot run(Op op, std::uint64_t offset, std::size_t length, const PageBuffer& buffer) {
    IoSlot transfer = make_transfer(op, offset, length, buffer.data());
    run({&transfer, 1});
    return transfer;
  }
  [[nodiscard]] bool target_has(std::uint64_t offset, const std::byte* bytes, std::size_t length) const {
    return offset + length <= sys.target.size() && same(bytes, sys.target.data() + offset, length);
  }
  // EINTR at the moment at which the job is stopped.
  Fault stop_and_interrupt() {
    return {EINTR, 0, [this] { stop.request_stop(); }};
  }

  FakeKernel sys;
  CountingClock clock;
  std::stop_source stop;
  SpliceConfig config;
  std::unique_ptr<SpliceEngine> engine_;
};

}  // namespace spliced::engine::test
