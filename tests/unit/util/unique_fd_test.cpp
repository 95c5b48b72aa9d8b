// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/unique_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <type_traits>
#include <utility>

namespace spliced::util {
namespace {

int fresh() {
  return ::eventfd(0, EFD_CLOEXEC);
}

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) != -1 || errno != EBADF;
}

static_assert(!std::is_copy_constructible_v<UniqueFd>);
static_assert(!std::is_copy_assignable_v<UniqueFd>);
static_assert(std::is_nothrow_move_constructible_v<UniqueFd>);
static_assert(std::is_nothrow_move_assignable_v<UniqueFd>);
static_assert(!std::is_convertible_v<int, UniqueFd>, "taking ownership is explicit");

TEST(UniqueFd, HoldsNothingAtFirst) {
  const UniqueFd fd;
  EXPECT_EQ(fd.get(), -1);
  EXPECT_FALSE(fd);
}

TEST(UniqueFd, DescriptorZeroCounts) {
  UniqueFd fd(0);
  EXPECT_TRUE(fd);
  EXPECT_EQ(fd.release(), 0);
}

TEST(UniqueFd, ClosesAtTheEndOfItsScope) {
  const int raw = fresh();
  ASSERT_GE(raw, 0);
  {
    const UniqueFd fd(raw);
    EXPECT_TRUE(fd);
    EXPECT_EQ(fd.get(), raw);
    EXPECT_TRUE(is_open(raw));
  }
  EXPECT_FALSE(is_open(raw));
}

TEST(UniqueFd, MoveTakesTheDescriptorAway) {
  const int raw = fresh();
  UniqueFd from(raw);
  const UniqueFd to(std::move(from));
  EXPECT_EQ(from.get(), -1);  // NOLINT(bugprone-use-after-move): that is the question
  EXPECT_EQ(to.get(), raw);
  EXPECT_TRUE(is_open(raw));
}

TEST(UniqueFd, MoveAssignmentClosesTheOldOne) {
  const int first = fresh();
  const int second = fresh();
  ASSERT_NE(first, second);
  UniqueFd to(first);
  UniqueFd from(second);
  to = std::move(from);
  EXPECT_FALSE(is_open(first));
  EXPECT_TRUE(is_open(second));
  EXPECT_EQ(to.get(), second);
  EXPECT_EQ(from.get(), -1);  // NOLINT(bugprone-use-after-move)
}

TEST(UniqueFd, MoveAssignmentOfNothingCloses) {
  const int raw = fresh();
  UniqueFd fd(raw);
  fd = UniqueFd();
  EXPECT_FALSE(fd);
  EXPECT_FALSE(is_open(raw));
}

TEST(UniqueFd, SelfAssignmentKeepsIt) {
  const int raw = fresh();
  UniqueFd fd(raw);
  UniqueFd& same = fd;
  fd = std::move(same);
  EXPECT_EQ(fd.get(), raw);
  EXPECT_TRUE(is_open(raw));
}

TEST(UniqueFd, ResetClosesAndTakesAnother) {
  const int first = fresh();
  const int second = fresh();
  UniqueFd fd(first);
  fd.reset(second);
  EXPECT_FALSE(is_open(first));
  EXPECT_EQ(fd.get(), second);
  fd.reset();
  EXPECT_FALSE(is_open(second));
  EXPECT_FALSE(fd);
  fd.reset();
  EXPECT_FALSE(fd);
}

TEST(UniqueFd, ReleaseLeavesItOpen) {
  const int raw = fresh();
  {
    UniqueFd fd(raw);
    EXPECT_EQ(fd.release(), raw);
    EXPECT_FALSE(fd);
    EXPECT_EQ(fd.release(), -1);
  }
  EXPECT_TRUE(is_open(raw));
  const UniqueFd closer(raw);
}

}  // namespace
}  // namespace spliced::util
