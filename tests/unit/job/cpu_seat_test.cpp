// SPDX-License-Identifier: Apache-2.0
#include "job/cpu_seat.h"

#include <gtest/gtest.h>

#include <functional>

namespace spliced::job {
namespace {

using util::Nanos;

constexpr Nanos kMillisecond = util::kSecond / 1000;

// A scheduler that moves a thread that is not bound to the next CPU each time that it is let go.
struct FakeCpus final : util::ThreadCpus {
  [[nodiscard]] const std::vector<std::size_t>& allowed() const override { return all; }
  [[nodiscard]] std::size_t current() const override { return here; }
  [[nodiscard]] std::optional<Times> times() override { return known; }
  bool bind(std::size_t cpu) override {
    ++binds;
    if (!permitted) return false;
    here = cpu;
    bound = true;
    return true;
  }
  void unbind() override { bound = false; }

  std::vector<std::size_t> all{0, 1, 2, 3};
  std::size_t here = 1;
  std::optional<Times> known = Times{};
  bool permitted = true;
  bool bound = false;
  int binds = 0;
};

struct CpuSeatTest : ::testing::Test {
  // I/O of 64 KiB without a pause for so long, 100 µs each when bound and `moved` when not.
  void work(CpuSeat& seat, FakeCpus& thread, Nanos length, Nanos moved) {
    for (const Nanos end = now + length; now < end;) one(seat, thread, thread.bound ? 100'000 : moved);
  }
  void one(CpuSeat& seat, FakeCpus& thread, Nanos time) {
    now += time;
    const auto waited = static_cast<Nanos>(static_cast<double>(time) * waiting(thread));
    if (thread.known) *thread.known = {thread.known->ran + time - waited, thread.known->waited + waited};
    if (seat.due(now)) seat.note(now, failing ? 0 : 65'536, seat.comparing() ? time : 0);
  }
  // Until the first comparison is over, which is within a quarter of a second.
  void settle(CpuSeat& seat, FakeCpus& thread, Nanos moved) {
    work(seat, thread, kMillisecond, moved);
    EXPECT_TRUE(seat.comparing());
    work(seat, thread, 250 * kMillisecond, moved);
    EXPECT_FALSE(seat.comparing());
  }

  Nanos now = util::kSecond;
  CpuSeats seats;
  FakeCpus cpus;
  bool failing = false;
  std::function<double(const FakeCpus&)> waiting = [](const FakeCpus&) { return 0.0; };  // of the time
};

TEST_F(CpuSeatTest, KeepsTheCpuThatItIsOnWhereThatIsFaster) {
  CpuSeat seat(seats, &cpus);
  settle(seat, cpus, 150'000);
  EXPECT_EQ(seat.cpu(), 1U);
  EXPECT_TRUE(cpus.bound);
}

TEST_F(CpuSeatTest, KeepsItWhereThereIsHardlyADifference) {
  CpuSeat seat(seats, &cpus);
  settle(seat, cpus, 96'000);
  EXPECT_EQ(seat.cpu(), 1U);
}

TEST_F(CpuSeatTest, IsMovedWhereThatIsFaster) {
  CpuSeat seat(seats, &cpus);
  settle(seat, cpus, 90'000);
  EXPECT_FALSE(seat.cpu());
  EXPECT_FALSE(cpus.bound);
  EXPECT_TRUE(seats.take(1)) << "the CPU is free for others";
}

TEST_F(CpuSeatTest, IsMovedWhereItCannotTell) {
  failing = true;
  CpuSeat seat(seats, &cpus);
  work(seat, cpus, Comparison::kPatience + util::kSecond, 150'000);
  EXPECT_FALSE(seat.comparing());
  EXPECT_FALSE(cpus.bound);
}

TEST_F(CpuSeatTest, ComparesAgainAfterAWhile) {
  CpuSeat seat(seats, &cpus);
  settle(seat, cpus, 90'000);
  work(seat, cpus, CpuSeat::kLate, 150'000);
  EXPECT_TRUE(cpus.bound) << "what is faster has changed";
  work(seat, cpus, CpuSeat::kLate + util::kSecond, 90'000);
  EXPECT_FALSE(cpus.bound);
}

TEST_F(CpuSeatTest, IsLetGoWithinThreeLooksWhenOthersWantItsCpu) {
  CpuSeat seat(seats, &cpus);
  settle(seat, cpus, 150'000);
  waiting = [](const FakeCpus& at) { return at.bound ? 0.5 : 0.0; };
  work(seat, cpus, 3 * CpuSeat::kLook, 150'000);
  EXPECT_FALSE(cpus.bound);
  EXPECT_FALSE(seat.cpu());
}

TEST_F(CpuSeatTest, ADisturbanceIsNoReason) {
  CpuSeat seat(seats, &cpus);
  settle(seat, cpus, 150'000);
  waiting = [this](const FakeCpus&) { return now / CpuSeat::kLook % 4 == 0 ? 0.5 : 0.0; };
  work(seat, cpus, util::kSecond, 150'000);
  EXPECT_TRUE(cpus.bound);
}

TEST_F(CpuSeatTest, AShortWaitForWhoServesItIsNoReason) {
  waiting = [](const FakeCpus& at) { return at.bound ? 0.36 : 0.0; };
  CpuSeat seat(seats, &cpus);
  settle(seat, cpus, 150'000);
  work(seat, cpus, util::kSecond, 150'000);
  EXPECT_TRUE(cpus.bound);
}

// On a slow disk, or with pauses.
TEST_F(CpuSeatTest, WhoHardlyRunsLeavesItsCpuToOthers) {
  CpuSeat seat(seats, &cpus);
  settle(seat, cpus, 150'000);
  for (int i = 0; i < 2; ++i) {
    now += CpuSeat::kLook;
    *cpus.known = {cpus.known->ran + kMillisecond, cpus.known->waited};
    if (seat.due(now)) seat.note(now, 65'536, 0);
  }
  EXPECT_FALSE(cpus.bound);
  EXPECT_TRUE(seats.take(1));
  EXPECT_FALSE(seat.due(now + util::kSecond)) << "it does not try again soon";
}

TEST_F(CpuSeatTest, TriesAgainSoonAndThenLessAndLessOften) {
  CpuSeat seat(seats, &cpus);
  settle(seat, cpus, 150'000);
  waiting = [](const FakeCpus& at) { return at.bound ? 0.5 : 0.0; };
  const auto comparisons_within = [&](Nanos length) {
    int count = 0;
    bool before = false;
    for (const Nanos end = now + length; now < end;) {
      one(seat, cpus, cpus.bound ? 100'000 : 150'000);
      count += seat.comparing() && !before ? 1 : 0;
      before = seat.comparing();
    }
    return count;
  };
  EXPECT_GE(comparisons_within(util::kSecond), 2);
  comparisons_within(40 * util::kSecond);
  EXPECT_LE(comparisons_within(40 * util::kSecond), 5);
  waiting = [](const FakeCpus&) { return 0.0; };
  work(seat, cpus, 3 * CpuSeat::kLate, 150'000);
  ASSERT_TRUE(cpus.bound);
  waiting = [](const FakeCpus& at) { return at.bound ? 0.5 : 0.0; };
  EXPECT_GE(comparisons_within(util::kSecond), 2) << "what lasted gives it new patience";
}

TEST_F(CpuSeatTest, TwoDoNotKeepTheSame) {
  FakeCpus other;
  CpuSeat first(seats, &cpus);
  settle(first, cpus, 150'000);
  CpuSeat second(seats, &other);
  settle(second, other, 150'000);
  EXPECT_EQ(first.cpu(), 1U);
  EXPECT_EQ(second.cpu(), 2U) << "the next that is free";
}

TEST_F(CpuSeatTest, GoesRoundToTheFirstCpus) {
  ASSERT_TRUE(seats.take(3));
  cpus.here = 3;
  CpuSeat seat(seats, &cpus);
  settle(seat, cpus, 150'000);
  EXPECT_EQ(seat.cpu(), 0U);
}

TEST_F(CpuSeatTest, IsMovedWhenNoneIsLeft) {
  for (const std::size_t cpu : cpus.all) ASSERT_TRUE(seats.take(cpu));
  CpuSeat seat(seats, &cpus);
  settle(seat, cpus, 150'000);
  EXPECT_FALSE(seat.cpu());
  EXPECT_EQ(cpus.binds, 0);
}

TEST_F(CpuSeatTest, GivesItBack) {
  {
    CpuSeat seat(seats, &cpus);
    settle(seat, cpus, 150'000);
    EXPECT_FALSE(seats.take(1));
  }
  EXPECT_FALSE(cpus.bound);
  EXPECT_TRUE(seats.take(1));
}

TEST_F(CpuSeatTest, ATieThatIsNotPermittedLeavesTheCpuToOthers) {
  cpus.permitted = false;
  CpuSeat seat(seats, &cpus);
  settle(seat, cpus, 150'000);
  EXPECT_FALSE(seat.cpu());
  for (const std::size_t cpu : cpus.all) EXPECT_TRUE(seats.take(cpu));
}

struct NothingToDo : CpuSeatTest, ::testing::WithParamInterface<int> {};

TEST_P(NothingToDo, LeavesEverythingAsItIs) {
  if (GetParam() == 0) cpus.all = {1};
  if (GetParam() == 1) cpus.known.reset();
  CpuSeat seat(seats, GetParam() == 2 ? nullptr : &cpus);
  EXPECT_FALSE(seat.comparing());
  work(seat, cpus, 3 * CpuSeat::kLate, 150'000);
  EXPECT_EQ(cpus.binds, 0);
}

INSTANTIATE_TEST_SUITE_P(OneCpuOrNoTimesOrNoThread, NothingToDo, ::testing::Values(0, 1, 2));

TEST(CpuSeats, KnowsNoCpuBeyondWhatAMaskHolds) {
  CpuSeats seats;
  EXPECT_TRUE(seats.take(1023));
  EXPECT_FALSE(seats.take(1024));
}

}  // namespace
}  // namespace spliced::job
