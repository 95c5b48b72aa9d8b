// SPDX-License-Identifier: Apache-2.0
// The splice engine over the real kernel, on a memory file.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>

#include "rig.h"
#include "spliced/engine/capabilities.h"
#include "spliced/util/unique_fd.h"

namespace spliced::engine::test {
namespace {

constexpr std::size_t kFileBytes = 1 << 20;

class RealKernel : public ::testing::Test {
 protected:
  RealKernel() : file(::memfd_create("spliced-test", MFD_CLOEXEC | MFD_ALLOW_SEALING)) {
    contents.resize(kFileBytes);
    fill(contents, 1);
    config.fd = file.get();
    config.read_path = ReadPath::copy;
    put_contents();
  }

  void put_contents() {
    EXPECT_EQ(::pwrite(file.get(), contents.data(), contents.size(), 0), static_cast<ssize_t>(contents.size()));
  }
  SpliceEngine& engine() {
    if (!engine_) {
      engine_ = std::make_unique<SpliceEngine>(config, kernel(), util::system_clock(), stop.get_token());
    }
    return *engine_;
  }
  IoSlot run(Op op, std::uint64_t offset, std::size_t length, const PageBuffer& buffer) {
    IoSlot transfer = make_transfer(op, offset, length, buffer.data());
    run_all(engine(), {&transfer, 1});
    return transfer;
  }
  [[nodiscard]] std::vector<std::byte> file_bytes() const {
    std::vector<std::byte> bytes(static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END)));
    EXPECT_EQ(::pread(file.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    return bytes;
  }
  // The model gets what the file should have got.
  void expect_written(std::uint64_t offset, const PageBuffer& buffer, std::size_t length) {
    contents.resize(std::max(contents.size(), static_cast<std::size_t>(offset) + length));
    std::copy_n(buffer.data(), length, contents.begin() + static_cast<std::ptrdiff_t>(offset));
    EXPECT_TRUE(file_bytes() == contents);
  }
  [[nodiscard]] bool has(const IoSlot& transfer) const {
    return transfer.data != nullptr && std::equal(transfer.data, transfer.data + transfer.moved,
                                                  contents.begin() + static_cast<std::ptrdiff_t>(transfer.offset));
  }

  util::UniqueFd file;
  std::vector<std::byte> contents;
  SpliceConfig config;
  std::stop_source stop;
  std::unique_ptr<SpliceEngine> engine_;
};

class RealReadPath : public RealKernel, public ::testing::WithParamInterface<ReadPath> {
 protected:
  void SetUp() override {
    config.read_path = GetParam();
    const PathProbe probe = probe_capabilities().read_paths[static_cast<std::size_t>(GetParam())];
    if (GetParam() != ReadPath::map && !probe.works) {
      GTEST_SKIP() << kReadPathNames[static_cast<std::size_t>(GetParam())] << ": " << std::strerror(probe.error);
    }
  }
  void expect_data(const IoSlot& transfer) const {
    if (GetParam() == ReadPath::discard) {
      EXPECT_EQ(transfer.data, nullptr);
    } else {
      EXPECT_TRUE(has(transfer));
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Paths, RealReadPath,
                         ::testing::Values(ReadPath::map, ReadPath::copy, ReadPath::read, ReadPath::discard),
                         [](const auto& path) {
                           return std::string(kReadPathNames[static_cast<std::size_t>(path.param)]);
                         });

TEST_P(RealReadPath, WhatWasWrittenIsReadBack) {
  for (const std::size_t length : {512U, 4096U, 65536U, 262144U}) {
    const auto buffer = make_filled(length, length);
    const std::uint64_t offset = 8192 + length;
    ASSERT_EQ(run(Op::write, offset, length, buffer).outcome, Outcome::done);
    expect_written(offset, buffer, length);
    fill({buffer.data(), length}, 99);
    const IoSlot read = run(Op::read, offset, length, buffer);
    EXPECT_EQ(read.outcome, Outcome::done);
    EXPECT_EQ(read.moved, length);
    expect_data(read);
  }
}

TEST_P(RealReadPath, SmallBlocks) {
  const auto buffer = make_buffer(512);
  for (std::uint64_t block = 0; block < 512; ++block) {
    const IoSlot transfer = run(Op::read, block * 512, 512, buffer);
    ASSERT_EQ(transfer.outcome, Outcome::done);
    expect_data(transfer);
  }
}

TEST_P(RealReadPath, ABlockLargerThanThePipeAtAnOddOffset) {
  const auto buffer = make_buffer(400000);
  const IoSlot transfer = run(Op::read, 1536, 400000, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::done);
  EXPECT_EQ(transfer.moved, 400000U);
  expect_data(transfer);
}

TEST_P(RealReadPath, ABlockLargerThanTheWindowEndsWithItsLastBytesThere) {
  constexpr std::size_t kWindow = 12288;
  constexpr std::size_t kLength = 400'000;
  config.read_window = kWindow;
  for (Setting& setting : config.settings) setting.size = 262144;
  const auto buffer = make_buffer(kWindow);
  const IoSlot transfer = run(Op::read, 1536, kLength, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::done);
  EXPECT_EQ(transfer.moved, kLength);
  if (engine().counters().read_path.load() == ReadPath::map) return expect_data(transfer);
  EXPECT_EQ(transfer.data, nullptr);
  if (GetParam() == ReadPath::discard) return;
  for (std::size_t at = kLength - kWindow; at < kLength; ++at) {
    ASSERT_EQ(buffer.data()[at % kWindow], contents[transfer.offset + at]) << "position " << at;
  }
}

TEST_P(RealReadPath, TheLastBlockIsShort) {
  const auto buffer = make_buffer(131072);
  const IoSlot transfer = run(Op::read, kFileBytes - 70000, 131072, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::end_of_target);
  EXPECT_EQ(transfer.error, 0);
  EXPECT_EQ(transfer.moved, 70000U);
  expect_data(transfer);
}

TEST_P(RealReadPath, BehindTheEndThereIsNothing) {
  const auto buffer = make_buffer(4096);
  const IoSlot transfer = run(Op::read, kFileBytes + 4096, 4096, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::end_of_target);
  EXPECT_EQ(transfer.moved, 0U);
}

TEST_P(RealReadPath, SeveralReadsOfOneRun) {
  std::vector<PageBuffer> buffers;
  std::vector<IoSlot> transfers;
  for (std::uint64_t i = 0; i < 8; ++i) {
    buffers.push_back(make_buffer(65536));
    transfers.push_back(make_transfer(Op::read, i * 70000, 65536, buffers.back().data()));
  }
  run_all(engine(), transfers);
  for (const IoSlot& transfer : transfers) {
    EXPECT_EQ(transfer.outcome, Outcome::done);
    expect_data(transfer);
  }
}

TEST_F(RealKernel, AtMostOneDowngradeOfEachKindInManyReads) {
  config.read_path = ReadPath::map;
  const auto buffer = make_buffer(65536);
  for (std::uint64_t i = 0; i < 32; ++i) {
    const IoSlot transfer = run(Op::read, i * 4096, 65536, buffer);
    ASSERT_EQ(transfer.outcome, Outcome::done);
    ASSERT_TRUE(has(transfer));
  }
  for (const auto& row : engine().counters().fallbacks) {
    std::uint64_t sum = 0;
    for (const auto& tally : row) sum += tally.get();
    EXPECT_LE(sum, 1U);
  }
  EXPECT_EQ(engine().counters().pipe_resets.get(), 0U);
}

TEST_F(RealKernel, WritesOfEverySizeThroughPipesOfEverySize) {
  for (const std::size_t pipe : {4096U, 65536U, 1U << 20}) {
    engine_.reset();
    for (Setting& setting : config.settings) setting.size = pipe;
    for (const std::size_t length : {512U, 4096U, 69632U, 300032U}) {
      const auto buffer = make_filled(length, pipe + length);
      const IoSlot transfer = run(Op::write, 512, length, buffer);
      ASSERT_EQ(transfer.outcome, Outcome::done);
      ASSERT_EQ(transfer.moved, length);
      expect_written(512, buffer, length);
    }
    EXPECT_GE(engine().counters().pipe_size_bytes[1].get(), 4096U);
  }
}

TEST_F(RealKernel, APipeFullMovesInOneSplice) {
  const auto buffer = make_filled(65536, 4);
  ASSERT_EQ(run(Op::write, 0, 65536, buffer).outcome, Outcome::done);
  ASSERT_EQ(run(Op::read, 0, 65536, buffer).outcome, Outcome::done);
  if (engine().counters().pipe_size_bytes[1].get() < 65536)
    GTEST_SKIP() << "the pipe is small (fs.pipe-user-pages-soft?)";
  EXPECT_EQ(short_transfers(engine().counters(), util::OpClass::write), 0U);
  EXPECT_EQ(short_transfers(engine().counters(), util::OpClass::read), 0U);
}

TEST_F(RealKernel, AWriteAtTheEndExtendsTheFile) {
  const auto buffer = make_filled(8192, 5);
  ASSERT_EQ(run(Op::write, kFileBytes - 4096, 8192, buffer).outcome, Outcome::done);
  expect_written(kFileBytes - 4096, buffer, 8192);
}

TEST_F(RealKernel, ABufferMayBeChangedOnceRunReturned) {
  const auto buffer = make_filled(65536, 6);
  ASSERT_EQ(run(Op::write, 0, 65536, buffer).outcome, Outcome::done);
  expect_written(0, buffer, 65536);
  fill({buffer.data(), 65536}, 7);
  EXPECT_TRUE(file_bytes() == contents);
}

TEST_F(RealKernel, GiftedPagesArriveAsWell) {
  config.gift = true;
  const auto buffer = make_filled(65536, 8);
  ASSERT_EQ(run(Op::write, 4096, 65536, buffer).outcome, Outcome::done);
  expect_written(4096, buffer, 65536);
}

TEST_F(RealKernel, AFailedWriteLeavesNoByteForTheNextOne) {
  ASSERT_EQ(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_GROW), 0);
  const auto lost = make_filled(65536, 9);
  const auto kept = make_filled(65536, 10);
  const IoSlot failed = run(Op::write, kFileBytes, 65536, lost);
  ASSERT_EQ(failed.outcome, Outcome::host_failed);
  EXPECT_EQ(failed.error, EPERM);
  EXPECT_EQ(failed.moved, 0U);
  EXPECT_EQ(engine().counters().pipe_resets.get(), 1U);
  ASSERT_EQ(run(Op::write, 0, 65536, kept).outcome, Outcome::done);
  expect_written(0, kept, 65536);
}

TEST_F(RealKernel, AnAppendOnlyFileCannotBeSplicedTo) {
  ASSERT_EQ(::fcntl(file.get(), F_SETFL, O_APPEND), 0);
  const auto buffer = make_filled(4096, 11);
  const IoSlot transfer = run(Op::write, 0, 4096, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::unsupported);
  EXPECT_EQ(transfer.error, EINVAL);
  EXPECT_TRUE(file_bytes() == contents);
}

TEST_F(RealKernel, TheFilePositionIsNeverUsed) {
  ASSERT_EQ(::lseek(file.get(), 12345, SEEK_SET), 12345);
  const auto buffer = make_filled(4096, 12);
  run(Op::write, 8192, 4096, buffer);
  run(Op::read, 16384, 4096, buffer);
  EXPECT_EQ(::lseek(file.get(), 0, SEEK_CUR), 12345);
}

TEST_F(RealKernel, ATrimmedRangeOfAFileReadsAsZeroesAndTheFileKeepsItsSize) {
  const auto buffer = make_buffer(8192);
  const IoSlot trim = run(Op::trim, kFileBytes - 8192, 8192, buffer);
  if (trim.error == EOPNOTSUPP) GTEST_SKIP() << "no holes in memory files here";
  EXPECT_EQ(trim.outcome, Outcome::done);
  EXPECT_EQ(trim.moved, 8192U);
  std::fill(contents.end() - 8192, contents.end(), std::byte{0});
  EXPECT_TRUE(file_bytes() == contents);
}

TEST_F(RealKernel, SyncsSucceed) {
  const auto buffer = make_buffer(4096);
  for (const Op op : {Op::fsync, Op::fdatasync, Op::sync_file_range}) {
    const IoSlot transfer = run(op, 0, 4096, buffer);
    EXPECT_EQ(transfer.outcome, Outcome::done) << std::strerror(transfer.error);
    EXPECT_GT(transfer.ended, 0);
  }
}

TEST_F(RealKernel, ATargetThatIsNotOpenFails) {
  config.fd = -1;
  const auto buffer = make_buffer(4096);
  for (const Op op : {Op::read, Op::write, Op::trim, Op::fsync}) {
    const IoSlot transfer = run(op, 0, 4096, buffer);
    EXPECT_EQ(transfer.outcome, Outcome::host_failed);
    EXPECT_EQ(transfer.error, EBADF);
  }
  EXPECT_EQ(fallbacks(engine().counters()), 0U);
}

}  // namespace
}  // namespace spliced::engine::test
