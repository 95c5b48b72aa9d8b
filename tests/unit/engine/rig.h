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

#include "fake_kernel.h"
#include "spliced/engine/splice_engine.h"
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

inline void fill(std::span<std::byte> bytes, std::uint64_t seed) {
  util::Random random(seed);
  for (std::size_t done = 0; done < bytes.size(); done += 8) {
    const std::uint64_t word = random();
    std::memcpy(bytes.data() + done, &word, std::min<std::size_t>(8, bytes.size() - done));
  }
}

inline bool same(const std::byte* a, const std::byte* b, std::size_t length) {
  return std::memcmp(a, b, length) == 0;
}

inline PageBuffer make_filled(std::size_t bytes, std::uint64_t seed) {
  PageBuffer buffer = make_buffer(bytes);
  fill({buffer.data(), bytes}, seed);
  return buffer;
}

inline Transfer make_transfer(Op op, std::uint64_t offset, std::size_t length, std::byte* buffer) {
  Transfer transfer;
  transfer.op = op;
  transfer.offset = offset;
  transfer.length = length;
  transfer.buffer = buffer;
  return transfer;
}

inline std::uint64_t fallbacks(const EngineCounters& counters) {
  std::uint64_t sum = 0;
  for (const auto& row : counters.fallbacks) {
    for (const auto& tally : row) sum += tally.get();
  }
  return sum;
}

inline std::uint64_t fallbacks(const EngineCounters& counters, Fallback event, int error) {
  const auto column = std::find(kFallbackErrors.begin(), kFallbackErrors.end(), error) - kFallbackErrors.begin();
  return counters.fallbacks[static_cast<std::size_t>(event)].at(static_cast<std::size_t>(column)).get();
}

inline std::uint64_t retries(const EngineCounters& counters, int error) {
  const auto column = std::find(kRetryErrors.begin(), kRetryErrors.end(), error) - kRetryErrors.begin();
  return counters.retries.at(static_cast<std::size_t>(column)).get();
}

inline std::uint64_t short_transfers(const EngineCounters& counters, util::OpClass op) {
  return counters.short_transfers[static_cast<std::size_t>(op)].get();
}

inline std::uint64_t short_calls(const std::vector<Record>& records) {
  return static_cast<std::uint64_t>(std::count_if(records.begin(), records.end(), [](const Record& record) {
    return record.result >= 0 && static_cast<std::uint64_t>(record.result) < record.length;
  }));
}

// All of them, past those that do not succeed.
inline void run_all(Engine& engine, std::span<Transfer> transfers, util::Nanos until = 0) {
  while (!transfers.empty()) {
    const std::size_t ended = engine.run(transfers, until);
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
  const EngineCounters& counters() { return engine().counters(); }
  void use(ReadPath path, bool pinned = false) {
    config.read_path = path;
    config.pinned = pinned;
  }
  void use_pipes_of(std::size_t bytes) {
    for (PipeSetting& setting : config.settings) setting.pipe_size = bytes;
  }
  // Every run ends with empty pipes, whatever happened in it.
  void run(std::span<Transfer> transfers) {
    run_all(engine(), transfers);
    EXPECT_EQ(sys.bytes_in_pipes(), 0U) << "bytes were left in the pipe";
  }
  Transfer run(Op op, std::uint64_t offset, std::size_t length, const PageBuffer& buffer) {
    Transfer transfer = make_transfer(op, offset, length, buffer.data());
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
