// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/page_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

namespace spliced::util {
namespace {

static_assert(!std::is_copy_constructible_v<PageBuffer>);
static_assert(!std::is_copy_assignable_v<PageBuffer>);
static_assert(std::is_nothrow_move_constructible_v<PageBuffer>);
static_assert(std::is_nothrow_move_assignable_v<PageBuffer>);

static_assert(round_up(0, 4096) == 0);
static_assert(round_up(1, 4096) == 4096);
static_assert(round_up(4095, 4096) == 4096);
static_assert(round_up(4096, 4096) == 4096);
static_assert(round_up(4097, 4096) == 8192);
static_assert(round_up(7, 3) == 9);

bool aligned(const PageBuffer& buffer) {
  return reinterpret_cast<std::uintptr_t>(buffer.data()) % kPageSize == 0;
}

TEST(PageBuffer, IsEmptyAtFirst) {
  const PageBuffer buffer;
  EXPECT_EQ(buffer.data(), nullptr);
  EXPECT_EQ(buffer.size(), 0U);
}

TEST(PageBuffer, RoundsUpToPages) {
  const std::pair<std::size_t, std::size_t> cases[] = {{0, kPageSize},
                                                       {1, kPageSize},
                                                       {kPageSize - 1, kPageSize},
                                                       {kPageSize, kPageSize},
                                                       {kPageSize + 1, 2 * kPageSize}};
  for (const auto& [bytes, size] : cases) {
    const auto buffer = PageBuffer::allocate(bytes);
    ASSERT_TRUE(buffer) << bytes;
    EXPECT_EQ(buffer->size(), size) << bytes;
    EXPECT_EQ(PageBuffer::footprint(bytes), size) << bytes;
    EXPECT_TRUE(aligned(*buffer)) << bytes;
  }
}

TEST(PageBuffer, RoundsUpToHugePagesWhereThoseAreWanted) {
  const std::pair<std::size_t, std::size_t> cases[] = {
      {1, kHugePageSize}, {kHugePageSize, kHugePageSize}, {kHugePageSize + 1, 2 * kHugePageSize}};
  for (const auto& [bytes, size] : cases) {
    const auto buffer = PageBuffer::allocate(bytes, Pages::huge);
    ASSERT_TRUE(buffer) << bytes;
    EXPECT_EQ(buffer->size(), size) << bytes;
    EXPECT_EQ(PageBuffer::footprint(bytes, Pages::huge), size) << bytes;
    EXPECT_TRUE(aligned(*buffer)) << bytes;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer->data()) % kHugePageSize, 0U);
    EXPECT_TRUE(std::all_of(buffer->data(), buffer->data() + size, [](std::byte b) { return b == std::byte{0}; }));
    std::memset(buffer->data(), 1, size);
  }
}

TEST(PageBuffer, IsZeroedAndWritable) {
  const auto buffer = PageBuffer::allocate(3 * kPageSize);
  ASSERT_TRUE(buffer);
  std::byte* const end = buffer->data() + buffer->size();
  EXPECT_TRUE(std::all_of(buffer->data(), end, [](std::byte b) { return b == std::byte{0}; }));
  std::memset(buffer->data(), 0xa5, buffer->size());
  EXPECT_TRUE(std::all_of(buffer->data(), end, [](std::byte b) { return b == std::byte{0xa5}; }));
}

TEST(PageBuffer, MoveTakesTheMemoryAway) {
  auto buffer = PageBuffer::allocate(kPageSize);
  ASSERT_TRUE(buffer);
  std::byte* const data = buffer->data();
  PageBuffer from = std::move(*buffer);
  const PageBuffer to(std::move(from));
  EXPECT_EQ(to.data(), data);
  EXPECT_EQ(to.size(), kPageSize);
  EXPECT_EQ(from.data(), nullptr);  // NOLINT(bugprone-use-after-move): that is the question
  EXPECT_EQ(from.size(), 0U);
}

TEST(PageBuffer, MoveAssignmentTakesTheMemoryAway) {
  auto small = PageBuffer::allocate(kPageSize);
  auto large = PageBuffer::allocate(4 * kPageSize);
  ASSERT_TRUE(small && large);
  std::byte* const data = large->data();
  PageBuffer target = std::move(*small);
  target = std::move(*large);
  EXPECT_EQ(target.data(), data);
  EXPECT_EQ(target.size(), 4 * kPageSize);
  PageBuffer& same = target;
  target = std::move(same);
  EXPECT_EQ(target.data(), data);
  EXPECT_EQ(target.size(), 4 * kPageSize);
}

TEST(PageBuffer, TwoOfThemDoNotShare) {
  const auto one = PageBuffer::allocate(kPageSize);
  const auto two = PageBuffer::allocate(kPageSize);
  ASSERT_TRUE(one && two);
  std::memset(one->data(), 0xff, one->size());
  EXPECT_EQ(two->data()[0], std::byte{0});
}

TEST(PageBuffer, SaysWhenThereIsNoMemory) {
  for (const std::size_t bytes : {std::size_t{1} << 62, std::numeric_limits<std::size_t>::max() - 2 * kPageSize,
                                  std::numeric_limits<std::size_t>::max()}) {
    const auto buffer = PageBuffer::allocate(bytes);
    ASSERT_FALSE(buffer) << bytes;
    EXPECT_EQ(buffer.error().code, Errc::system);
    EXPECT_NE(buffer.error().sys_errno, 0);
    EXPECT_NE(buffer.error().message.find("allocate"), std::string::npos);
  }
}

}  // namespace
}  // namespace spliced::util
