// SPDX-License-Identifier: Apache-2.0
// The kernel that the tests run on. Where it differs from what the engine was designed for, a test says so and is
// skipped.
#include "spliced/engine/capabilities.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>

#include "contract/kernel_of_tomorrow.h"
#include "spliced/util/page_buffer.h"

namespace spliced::engine::test {
namespace {

const Capabilities& probed() {
  static const Capabilities caps = probe_capabilities();
  return caps;
}

const PathProbe& path(ReadPath which) {
  return probed().read_paths[static_cast<std::size_t>(which)];
}

TEST(Capabilities, NameTheKernel) {
  utsname name{};
  ASSERT_EQ(::uname(&name), 0);
  EXPECT_EQ(probed().kernel_release, name.release);
}

TEST(Capabilities, TellTheLimitsOfPipes) {
  if (!std::filesystem::exists("/proc/sys/fs/pipe-max-size")) GTEST_SKIP() << "no /proc/sys/fs/pipe-max-size";
  EXPECT_GE(probed().pipe_max_size, 4096U);
  EXPECT_GE(probed().largest_pipe_bytes, 4096U);
  EXPECT_GE(probed().default_pipe_bytes, 4096U);
}

TEST(Capabilities, ADefaultPipeIsFullAfterSixteenCallsOfOneByte) {
  if (!probed().vmsplice_write.works) GTEST_SKIP() << "vmsplice: " << std::strerror(probed().vmsplice_write.error);
  if (probed().default_pipe_bytes != 65536) {
    GTEST_SKIP() << "a new pipe has " << probed().default_pipe_bytes << " bytes (fs.pipe-user-pages-soft?)";
  }
  EXPECT_EQ(probed().one_byte_calls_to_fill, 16U);
}

// The same experiment by other means.
TEST(Capabilities, AliasingIsReportedAsItIs) {
  if (!probed().vmsplice_write.works) GTEST_SKIP() << "vmsplice: " << std::strerror(probed().vmsplice_write.error);
  int fds[2] = {-1, -1};
  ASSERT_EQ(::pipe2(fds, O_CLOEXEC), 0);
  auto page = util::PageBuffer::allocate(util::kPageSize);
  ASSERT_TRUE(page.has_value());
  std::memset(page->data(), 'x', util::kPageSize);
  const iovec iov{page->data(), util::kPageSize};
  const ssize_t put = ::vmsplice(fds[1], &iov, 1, 0);
  std::memset(page->data(), 'y', util::kPageSize);
  std::array<char, util::kPageSize> out{};
  const ssize_t got = put > 0 ? ::read(fds[0], out.data(), out.size()) : -1;
  ::close(fds[0]);
  ::close(fds[1]);
  ASSERT_EQ(put, static_cast<ssize_t>(util::kPageSize));
  ASSERT_EQ(got, put);
  EXPECT_EQ(probed().vmsplice_aliases_pages, out.front() == 'y');
}

TEST(Capabilities, VmspliceIntoAPipeAliasesThePages) {
  if (!probed().vmsplice_write.works) GTEST_SKIP() << "vmsplice: " << std::strerror(probed().vmsplice_write.error);
  if (!probed().vmsplice_aliases_pages) GTEST_SKIP() << "this kernel copies: " << probed().kernel_release;
  EXPECT_TRUE(probed().vmsplice_aliases_pages);
}

TEST(Capabilities, OneCallWithAnArrayTakesAsManySlotsAsPages) {
  if (!probed().vmsplice_write.works) GTEST_SKIP() << "vmsplice: " << std::strerror(probed().vmsplice_write.error);
  if (!probed().vmsplice_aliases_pages) GTEST_SKIP() << "this kernel copies: " << probed().kernel_release;
  EXPECT_EQ(probed().array_slots_per_page, 1.0);
}

TEST(Capabilities, VmspliceFromAPipeCopies) {
  if (!path(ReadPath::copy).works) GTEST_SKIP() << "vmsplice is refused here";
  EXPECT_TRUE(probed().vmsplice_read_copies);
}

TEST(Capabilities, PipeSizesAreAskedForAndObtained) {
  ASSERT_FALSE(probed().pipe_sizes.empty());
  for (const auto& [asked, obtained] : probed().pipe_sizes) {
    EXPECT_GE(obtained, 4096U);
    EXPECT_TRUE(obtained <= asked || obtained == probed().default_pipe_bytes) << asked;
  }
  EXPECT_EQ(probed().pipe_sizes.front().first, 4096U);
}

TEST(Capabilities, ReadAndDiscardWorkEverywhere) {
  EXPECT_TRUE(path(ReadPath::read).works) << std::strerror(path(ReadPath::read).error);
  EXPECT_TRUE(path(ReadPath::discard).works) << std::strerror(path(ReadPath::discard).error);
}

TEST(Capabilities, CopyWorksWhereVmspliceIsAllowed) {
  if (path(ReadPath::copy).error == EPERM || path(ReadPath::copy).error == ENOSYS) {
    GTEST_SKIP() << "vmsplice is refused here: " << std::strerror(path(ReadPath::copy).error);
  }
  EXPECT_TRUE(path(ReadPath::copy).works) << std::strerror(path(ReadPath::copy).error);
}

TEST(Capabilities, APathEitherWorksOrHasAReason) {
  for (const PathProbe& probe : probed().read_paths) EXPECT_NE(probe.works, probe.error != 0);
  EXPECT_NE(probed().vmsplice_write.works, probed().vmsplice_write.error != 0);
}

TEST(Capabilities, MapFaultsOnTodaysKernels) {
  if (path(ReadPath::map).works) GTEST_SKIP() << "map works on " << probed().kernel_release;
  if (!path(ReadPath::copy).works) GTEST_SKIP() << "vmsplice is refused here";
  EXPECT_EQ(path(ReadPath::map).error, EFAULT);
}

TEST(Capabilities, ProbingLeavesNoDescriptorBehind) {
  const auto descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
  };
  (void)probed();
  const auto before = descriptors();
  (void)probe_capabilities();
  EXPECT_EQ(descriptors(), before);
}

TEST(Capabilities, SayInWordsWhichEngineToPrefer) {
  const Capabilities& caps = probed();
  EXPECT_EQ(caps.preferred_engine, caps.vmsplice_aliases_pages ? "splice" : "psync");
  EXPECT_FALSE(caps.advice.empty());
}

TEST(Capabilities, OnAKernelThatCopiesPsyncIsPreferred) {
  contract::KernelOfTomorrow sys;
  const Capabilities caps = probe_capabilities(sys);
  EXPECT_TRUE(caps.vmsplice_write.works);
  EXPECT_FALSE(caps.vmsplice_aliases_pages);
  EXPECT_TRUE(caps.read_paths[static_cast<std::size_t>(ReadPath::copy)].works);
  EXPECT_EQ(caps.preferred_engine, "psync");
  EXPECT_NE(caps.advice.find("copies on this kernel"), std::string::npos) << caps.advice;
}

// As under a filter of system calls.
struct WithoutSplice : ForwardingSyscalls {
  ssize_t vmsplice(int, const iovec*, std::size_t, unsigned) override { return refuse(); }
  ssize_t splice(int in, off64_t* off_in, int out, off64_t* off_out, std::size_t length) override {
    return all ? refuse() : next_.splice(in, off_in, out, off_out, length);
  }
  static ssize_t refuse() {
    errno = EPERM;
    return -1;
  }
  bool all = false;
};

TEST(Capabilities, WhereCallsAreRefusedPsyncIsPreferred) {
  WithoutSplice sys;
  const Capabilities refused = probe_capabilities(sys);
  EXPECT_EQ(refused.preferred_engine, "psync");
  EXPECT_NE(refused.advice.find("vmsplice(2) is refused"), std::string::npos) << refused.advice;
  sys.all = true;
  const Capabilities nothing = probe_capabilities(sys);
  EXPECT_EQ(nothing.preferred_engine, "psync");
  EXPECT_NE(nothing.advice.find("splice(2) does not work here"), std::string::npos) << nothing.advice;
}

}  // namespace
}  // namespace spliced::engine::test
