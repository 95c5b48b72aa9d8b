// SPDX-License-Identifier: Apache-2.0
// The contract of every engine: what becomes of slots between submit, reap and withdraw.
#include "contract.h"

namespace spliced::engine::contract {
namespace {

class EngineQueue : public ContractTest,
                    public ::testing::WithParamInterface<std::tuple<const char*, std::size_t, Op>> {
 protected:
  void SetUp() override {
    use(std::get<0>(GetParam()));
    depth = engine().traits().depth;
    count = std::min(std::get<1>(GetParam()), depth);
    make(std::get<2>(GetParam()), count);
  }
  void submit_all() { ASSERT_EQ(submit(slots), count); }

  std::size_t depth = 0;
  std::size_t count = 0;  // slots
};
INSTANTIATE_TEST_SUITE_P(Contract, EngineQueue,
                         ::testing::Combine(all_engines(), ::testing::Values(1, 7, 32),
                                            ::testing::Values(Op::read, Op::write)),
                         [](const auto& param) {
                           return std::string(std::get<0>(param.param)) + "_" +
                                  std::to_string(std::get<1>(param.param)) + "_" +
                                  std::string(util::op_name(std::get<2>(param.param)));
                         });

TEST_P(EngineQueue, TraitsAreThoseOfAnEngine) {
  EXPECT_GE(depth, 1U);
  EXPECT_LE(depth, kMaxDepth);
  const std::size_t alignment = engine().traits().alignment;
  EXPECT_EQ(alignment & (alignment - 1), 0U);
  EXPECT_GE(alignment, 1U);
}

TEST_P(EngineQueue, EachSlotComesBackOnceAndDone) {
  run_all();
  EXPECT_EQ(given_back.size(), count);
  expect_all_done();
}

TEST_P(EngineQueue, NoMoreAreTakenThanTheDepth) {
  make(Op::read, depth + 3);
  EXPECT_EQ(submit(slots), depth);
  EXPECT_EQ(submit(std::span(slots).subspan(depth)), 0U);
  std::size_t ended = 0;
  while (ended < depth) ended += reap(slots.size(), 1).size();
  EXPECT_EQ(submit(std::span(slots).subspan(depth, 1)), 1U) << "there is room again";
  EXPECT_EQ(reap(1, 1).size(), 1U);
}

TEST_P(EngineQueue, NothingSubmittedIsNothingToReapOrToWithdraw) {
  EXPECT_EQ(engine().submit({}), 0U);
  EXPECT_TRUE(reap(8, 1).empty());
  EXPECT_TRUE(withdraw(8).empty());
}

TEST_P(EngineQueue, AReapOfAtLeastNoneDoesNotWait) {
  submit_all();
  (void)reap(count, 0);
  while (given_back.size() < count) ASSERT_FALSE(reap(count, 1).empty());
  expect_all_done();
}

TEST_P(EngineQueue, AReapGivesBackNoMoreThanItHasRoomFor) {
  submit_all();
  for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(reap(1, 1).size(), 1U);
  EXPECT_TRUE(reap(1, 1).empty());
  expect_all_done();
}

TEST_P(EngineQueue, AReapWithoutRoomGivesNothing) {
  submit_all();
  EXPECT_TRUE(reap(0, 1).empty());
  EXPECT_EQ(withdraw(count).size() + (count - given_back.size()), count);
}

TEST_P(EngineQueue, AReapWaitsForAtLeastSoMany) {
  submit_all();
  const std::size_t most = (count + 1) / 2;
  EXPECT_GE(reap(count, most).size(), most);
  EXPECT_GE(reap(count, count).size() + given_back.size(), count) << "more than there are is all of them";
  expect_all_done();
}

TEST_P(EngineQueue, WhatIsWithdrawnComesBackInOrderAndUntouched) {
  submit_all();
  const auto back = withdraw(count);
  EXPECT_TRUE(std::is_sorted(back.begin(), back.end()));
  while (given_back.size() < count) ASSERT_FALSE(reap(count, 1).empty());
  for (IoSlot* slot : back) slot->moved = 0;
  if (moves_data() && std::get<2>(GetParam()) == Op::write) expect_consistent();
}

TEST_P(EngineQueue, SomeMayBeWithdrawnAndTheOthersGoOn) {
  submit_all();
  const std::size_t some = count / 2;
  const auto back = withdraw(some);
  EXPECT_LE(back.size(), some);
  while (given_back.size() < count) ASSERT_FALSE(reap(count, 1).empty());
  const std::set<IoSlot*> left(back.begin(), back.end());
  for (IoSlot& slot : slots) {
    if (!left.contains(&slot)) expect_done(slot);
  }
}

TEST_P(EngineQueue, WhatWasWithdrawnMayBeSubmittedAgain) {
  submit_all();
  for (IoSlot* slot : withdraw(count)) {
    given_back.erase(slot);
    ASSERT_EQ(engine().submit({&slot, 1}), 1U);
  }
  while (given_back.size() < count) ASSERT_FALSE(reap(count, 1).empty());
  expect_all_done();
}

TEST_P(EngineQueue, ManyTurnsWithAllKindsOfRoom) {
  for (std::size_t turn = 0; turn < 40; ++turn) {
    given_back.clear();
    submit_all();
    while (given_back.size() < count) ASSERT_FALSE(reap(1 + turn % (count + 1), 1).empty());
    expect_all_done();
  }
}

TEST_P(EngineQueue, NothingBeginsWhenTheTimeIsUp) {
  submit_all();
  EXPECT_TRUE(reap(count, 1, 1).empty()) << "the clock is past it";
  EXPECT_EQ(engine().in_flight().count, 0U) << "it would look like a stall";
  EXPECT_EQ(withdraw(count).size(), count);
  if (moves_data()) {
    EXPECT_TRUE(test::same(subject->target(), model));
  }
}

TEST_P(EngineQueue, ATimeThatIsFarAwayChangesNothing) {
  submit_all();
  while (given_back.size() < count) ASSERT_FALSE(reap(count, 1, 1000 * util::kSecond).empty());
  expect_all_done();
}

TEST_P(EngineQueue, NothingBeginsAfterAStop) {
  subject->stop.request_stop();
  submit_all();
  EXPECT_TRUE(reap(count, count).empty());
  EXPECT_EQ(engine().in_flight().count, 0U) << "it would look like a stall";
  EXPECT_EQ(withdraw(count).size(), count);
  if (moves_data()) {
    EXPECT_TRUE(test::same(subject->target(), model));
  }
}

TEST_P(EngineQueue, NothingIsInFlightOnceAllIsReaped) {
  EXPECT_EQ(engine().in_flight().count, 0U);
  run_all();
  EXPECT_EQ(engine().in_flight().count, 0U);
  EXPECT_EQ(engine().in_flight().since, 0);
}

TEST_P(EngineQueue, TimesAreThoseOfTheClock) {
  const util::Nanos before = subject->clock.now();
  run_all();
  const util::Nanos after = subject->clock.now();
  for (const IoSlot& slot : slots) {
    EXPECT_GT(slot.ended, before);
    EXPECT_LT(slot.ended, after);
    EXPECT_GE(slot.spent, 0);
    EXPECT_LE(slot.spent, slot.ended - before);
  }
}

// An engine with one call at a time spends all of its time on one slot or another.
TEST_P(EngineQueue, WhatSlotsTookAddsUpToTheTimeOfTheReap) {
  submit_all();
  const util::Nanos before = subject->clock.now();
  const auto ended = reap(count, count);
  util::Nanos spent = 0;
  for (const IoSlot* slot : ended) {
    EXPECT_GT(slot->spent, 0);
    spent += slot->spent;
  }
  if (std::get<0>(GetParam()) == std::string("scripted")) return;  // many are under way at a time
  EXPECT_EQ(spent, ended.back()->ended - (before + 1));
}

TEST_P(EngineQueue, ASlotThatIsUsedAgainForgetsWhatItWas) {
  for (IoSlot& slot : slots) {
    slot.error = EIO;
    slot.outcome = Outcome::failed;
    slot.moved = 77;
    slot.spent = 1 << 30;
  }
  run_all();
  expect_all_done();
  for (const IoSlot& slot : slots) EXPECT_LT(slot.spent, 1 << 30);
}

TEST_P(EngineQueue, WhatIsTheCallersStaysAsItIs) {
  std::vector<IoSlot> before = slots;
  for (IoSlot& slot : slots) slot.due = 4711;
  run_all();
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_EQ(slots[i].op, before[i].op);
    EXPECT_EQ(slots[i].offset, before[i].offset);
    EXPECT_EQ(slots[i].length, before[i].length);
    EXPECT_EQ(slots[i].buffer, before[i].buffer);
    EXPECT_EQ(slots[i].due, 4711);
  }
}

TEST_P(EngineQueue, SettingsMayChangeBetweenAnyTwoReaps) {
  for (const Setting& setting : {Setting{4096, 1}, Setting{1 << 20, 64}, Setting{65536, 3}}) {
    engine().use(Direction::read, setting);
    engine().use(Direction::write, setting);
    given_back.clear();
    run_all();
    expect_all_done();
  }
}

}  // namespace
}  // namespace spliced::engine::contract
