// SPDX-License-Identifier: Apache-2.0
// Reads whose data nobody wants to keep: they go through a few bytes of memory again and again.
#include <cerrno>

#include "rig.h"

namespace spliced::engine::test {
namespace {

constexpr std::size_t kWindowBytes = 8192;
constexpr std::size_t kMargin = 4096;

class ReadWindow : public EngineRig, public ::testing::WithParamInterface<ReadPath> {
 protected:
  ReadWindow() {
    config.read_window = kWindowBytes;
    use(GetParam());
  }
  [[nodiscard]] static Call way_out() { return GetParam() == ReadPath::copy ? Call::pipe_to_memory : Call::read; }

  // Reads into a buffer of no more than the window.
  IoSlot read(std::uint64_t offset, std::size_t length) {
    buffer = make_filled(kWindowBytes + kMargin, 3);
    const std::vector<std::byte> before(buffer.data() + kWindowBytes, buffer.data() + kWindowBytes + kMargin);
    const IoSlot transfer = run(Op::read, offset, length, buffer);
    EXPECT_TRUE(std::equal(before.begin(), before.end(), buffer.data() + kWindowBytes))
        << "more than the window was touched";
    return transfer;
  }
  // Its last bytes are there, each at its position.
  void expect_last_bytes(const IoSlot& transfer) {
    for (std::size_t at = transfer.moved - kWindowBytes; at < transfer.moved; ++at) {
      ASSERT_EQ(buffer.data()[at % kWindowBytes], sys.target[transfer.offset + at]) << "position " << at;
    }
  }
  PageBuffer buffer;
};

INSTANTIATE_TEST_SUITE_P(Paths, ReadWindow, ::testing::Values(ReadPath::copy, ReadPath::read), [](const auto& path) {
  return std::string(kReadPathNames[static_cast<std::size_t>(path.param)]);
});

TEST_P(ReadWindow, ALongerReadGoesThroughItAgain) {
  for (const std::size_t length :
       {kWindowBytes + 512, 3 * kWindowBytes, 5 * kWindowBytes + 1536, std::size_t{200'000}}) {
    const IoSlot transfer = read(4096, length);
    EXPECT_EQ(transfer.outcome, Outcome::done);
    EXPECT_EQ(transfer.moved, length);
    EXPECT_EQ(transfer.data, nullptr) << "the data is not there as a whole";
    expect_last_bytes(transfer);
  }
}

TEST_P(ReadWindow, WhatIsNoLongerKeepsItsData) {
  for (const std::size_t length : {std::size_t{512}, kWindowBytes}) {
    const IoSlot transfer = read(12288, length);
    ASSERT_EQ(transfer.data, buffer.data());
    EXPECT_TRUE(target_has(12288, transfer.data, length));
  }
}

TEST_P(ReadWindow, ShortResultsKeepOffsetAndWindowInStep) {
  for (std::size_t call = 1; call < 12; ++call) sys.shorten(Call::target_to_pipe, call, call * 777);
  for (std::size_t call = 1; call < 30; ++call) sys.shorten(way_out(), call, 1 + call * 501);
  const IoSlot transfer = read(512, 9 * kWindowBytes);
  EXPECT_EQ(transfer.outcome, Outcome::done);
  EXPECT_EQ(transfer.moved, 9 * kWindowBytes);
  expect_last_bytes(transfer);
}

TEST_P(ReadWindow, AnErrorOnTheWayOutIsOne) {
  sys.fail(way_out(), 2, EIO);
  sys.shorten(way_out(), 1, 5000);
  const IoSlot transfer = read(0, 4 * kWindowBytes);
  EXPECT_EQ(transfer.outcome, Outcome::failed);
  EXPECT_EQ(transfer.error, EIO);
  EXPECT_EQ(transfer.data, nullptr);
  EXPECT_EQ(counters().pipe_resets.get(), 1U);
  expect_last_bytes(read(65536, 4 * kWindowBytes));
}

class CopyWindow : public EngineRig {
 protected:
  CopyWindow() {
    config.read_window = kWindowBytes;
    use(ReadPath::copy);
    use_pipes_of(1 << 20);
  }
  PageBuffer buffer = make_buffer(kWindowBytes);
};

TEST_F(CopyWindow, OneCallEmptiesThePipe) {
  EXPECT_EQ(run(Op::read, 0, kMaxBatch * kWindowBytes, buffer).outcome, Outcome::done);
  EXPECT_EQ(sys.calls(Call::target_to_pipe), 1U);
  EXPECT_EQ(sys.calls(Call::pipe_to_memory), 1U);
}

TEST_F(CopyWindow, ACallHasSoManyPartsAndNoMore) {
  const IoSlot transfer = run(Op::read, 0, kMaxBatch * kWindowBytes + 512, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::done);
  EXPECT_EQ(transfer.moved, kMaxBatch * kWindowBytes + 512);
  EXPECT_EQ(sys.calls(Call::target_to_pipe), 1U);
  EXPECT_EQ(sys.calls(Call::pipe_to_memory), 2U);
}

TEST_F(CopyWindow, ABatchMaySharePlaces) {
  config.settings[index_of(Direction::read)].batch = kMaxBatch;
  std::vector<IoSlot> transfers;
  for (std::size_t i = 0; i < kMaxBatch; ++i) {
    transfers.push_back(make_transfer(Op::read, i * 8192, 4096, buffer.data() + i % 2 * 4096));
  }
  run(transfers);
  for (const IoSlot& transfer : transfers) EXPECT_EQ(transfer.outcome, Outcome::done);
  EXPECT_EQ(sys.calls(Call::pipe_to_memory), 1U);
  for (std::size_t i = kMaxBatch - 2; i < kMaxBatch; ++i) {
    EXPECT_TRUE(target_has(transfers[i].offset, transfers[i].data, 4096)) << "the last one has the place";
  }
}

TEST_F(CopyWindow, VmspliceRefusedInTheMiddleGoesOnWithTheBytesThatAreThere) {
  sys.shorten(Call::pipe_to_memory, 1, 3 * kWindowBytes + 700);
  sys.fail(Call::pipe_to_memory, 2, EPERM);
  const IoSlot transfer = run(Op::read, 0, 6 * kWindowBytes, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::done);
  EXPECT_EQ(fallbacks(counters(), Fallback::copy_to_read, EPERM), 1U);
  EXPECT_EQ(sys.calls(Call::target_to_pipe), 1U);
  EXPECT_TRUE(target_has(5 * kWindowBytes, buffer.data(), kWindowBytes));
}

class MapWindow : public EngineRig {
 protected:
  MapWindow() {
    config.read_window = kWindowBytes;
    use(ReadPath::map);
  }
  PageBuffer buffer = make_filled(2 * kWindowBytes, 5);
  std::vector<std::byte> before{buffer.data() + kWindowBytes, buffer.data() + 2 * kWindowBytes};
  void expect_no_more_than_the_window() {
    EXPECT_TRUE(std::equal(before.begin(), before.end(), buffer.data() + kWindowBytes));
  }
};

TEST_F(MapWindow, AMappingHoldsAllOfItUntilTheNextRun) {
  sys.map_works = true;
  std::vector<IoSlot> transfers{make_transfer(Op::read, 0, 6 * kWindowBytes, buffer.data()),
                                make_transfer(Op::read, 65536, 6 * kWindowBytes, buffer.data())};
  run_all(engine(), transfers);
  EXPECT_EQ(transfers[0].data, nullptr) << "there is no room for it";
  EXPECT_TRUE(target_has(65536, transfers[1].data, 6 * kWindowBytes));
  expect_no_more_than_the_window();
}

TEST_F(MapWindow, ADowngradeInTheMiddleCopiesNothing) {
  sys.map_works = true;
  sys.shorten(Call::pipe_to_memory, 1, 20'000);
  sys.fail(Call::pipe_to_memory, 2, EFAULT);
  const IoSlot transfer = run(Op::read, 0, 6 * kWindowBytes, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::done);
  EXPECT_EQ(transfer.data, nullptr);
  EXPECT_EQ(fallbacks(counters(), Fallback::map_to_copy, EFAULT), 1U);
  EXPECT_TRUE(target_has(5 * kWindowBytes, buffer.data(), kWindowBytes));
  expect_no_more_than_the_window();
}

}  // namespace
}  // namespace spliced::engine::test
