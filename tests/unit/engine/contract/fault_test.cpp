// SPDX-License-Identifier: Apache-2.0
// The contract of every engine: whatever goes wrong in whatever position, each slot has its own outcome, and no byte is
// anywhere but where the outcomes say.
#include <cerrno>
#include <numeric>

#include "contract.h"

namespace spliced::engine::contract {
namespace {

constexpr std::size_t kCount = 8;

class EngineFault : public ContractTest,
                    public ::testing::WithParamInterface<std::tuple<const char*, Op, std::size_t>> {
 protected:
  void SetUp() override {
    use(std::get<0>(GetParam()));
    make(op(), kCount);
  }
  [[nodiscard]] Op op() const { return std::get<1>(GetParam()); }
  [[nodiscard]] IoSlot& struck() { return slots[std::get<2>(GetParam())]; }

  // Once, at the slot of the parameter.
  void strike(Fault fault) {
    subject->hook = [this, fault, offset = struck().offset](Op, std::uint64_t at) {
      if (struck_ || at != offset) return Fault{};
      struck_ = true;
      if (fault.action) fault.action();
      return Fault{fault.error, fault.limit};
    };
  }
  void strike(int error) { strike(Fault{error}); }
  void expect_others_done() {
    for (const IoSlot& slot : slots) {
      if (&slot != &struck()) expect_done(slot);
    }
  }
  void expect_struck_alone(int error, Outcome outcome) {
    struck_ = false;
    given_back.clear();
    strike(error);
    run_all();
    EXPECT_EQ(struck().outcome, outcome);
    EXPECT_EQ(struck().error, error);
    EXPECT_EQ(struck().moved, 0U);
    expect_others_done();
    expect_consistent();
  }
  [[nodiscard]] std::uint64_t events(std::string_view name) {
    std::vector<std::uint64_t> sums(kMaxEvents);
    engine().add_events(sums);
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < subject->kind()->events().size(); ++i) {
      if (subject->kind()->events()[i].family->event == name) sum += sums[i];
    }
    return sum;
  }
  bool struck_ = false;
};
INSTANTIATE_TEST_SUITE_P(Contract, EngineFault,
                         ::testing::Combine(engines_with_a_target(), ::testing::Values(Op::read, Op::write),
                                            ::testing::Values(0, 1, 5, kCount - 1)),
                         [](const auto& param) {
                           return std::string(std::get<0>(param.param)) + "_" +
                                  std::string(util::op_name(std::get<1>(param.param))) + "_" +
                                  std::to_string(std::get<2>(param.param));
                         });

TEST_P(EngineFault, AnErrorIsThatOfItsSlotAlone) {
  for (const int error : {EIO, ENOSPC, ETIMEDOUT, EREMOTEIO, ENXIO}) expect_struck_alone(error, Outcome::failed);
}

TEST_P(EngineFault, WhatTheHostRefusesIsNotTheTargets) {
  for (const int error : {EMFILE, ENOMEM, EPERM, ENOSYS}) expect_struck_alone(error, Outcome::host_failed);
}

TEST_P(EngineFault, AfterAnErrorTheCallerDecidesAboutWhatHasNotBegun) {
  strike(EIO);
  const std::size_t count = std::min(kCount, engine().traits().depth);
  if (&struck() >= slots.data() + count) return;
  ASSERT_EQ(submit(std::span(slots).first(count)), count);
  const auto failed = [](const IoSlot* slot) { return slot->outcome == Outcome::failed; };
  while (true) {
    const auto ended = reap(kCount, 1);
    ASSERT_FALSE(ended.empty());
    if (std::any_of(ended.begin(), ended.end(), failed)) break;
  }
  for (IoSlot* slot : withdraw(kCount)) slot->moved = 0;
  while (given_back.size() < count) ASSERT_FALSE(reap(kCount, 1).empty()) << "what had begun comes back";
  for (IoSlot& slot : std::span(slots).subspan(count)) slot.moved = 0;
  if (op() == Op::write) expect_consistent();
}

TEST_P(EngineFault, NoneBeginsAfterAnErrorBeforeTheCallerAsksForIt) {
  const std::size_t count = std::min<std::size_t>(32, engine().traits().depth);
  const std::size_t position = std::get<2>(GetParam());
  if (position >= count) return;
  make(op(), count);
  std::size_t calls = 0;
  std::size_t at_error = 0;
  subject->hook = [&](Op, std::uint64_t at) {
    ++calls;
    if (at != slots[position].offset) return Fault{};
    at_error = calls;
    return Fault{EIO};
  };
  ASSERT_EQ(submit(slots), count);
  while (at_error == 0) ASSERT_FALSE(reap(count, count - given_back.size()).empty());
  EXPECT_EQ(calls, at_error);
  EXPECT_EQ(struck().outcome, Outcome::failed);
  const std::size_t in_flight = engine().in_flight().count;
  EXPECT_EQ(withdraw(count).size() + in_flight + calls, count);
  while (given_back.size() < count) ASSERT_FALSE(reap(count, 1).empty()) << "what is in flight comes back";
}

TEST_P(EngineFault, NoneBeginsOnceTheTimeIsUp) {
  const std::size_t count = std::min<std::size_t>(32, engine().traits().depth);
  const std::size_t position = std::get<2>(GetParam());
  if (position >= count) return;
  make(op(), count);
  std::size_t calls = 0;
  std::size_t begun = 0;
  subject->hook = [&](Op, std::uint64_t at) {
    ++calls;
    if (at == slots[position].offset) {
      subject->clock.step = 1'000'000 * util::kSecond;
      begun = calls + engine().in_flight().count - 1;
    }
    return Fault{};
  };
  ASSERT_EQ(submit(slots), count);
  const util::Nanos until = subject->clock.now() + 1000 * util::kSecond;
  while (!reap(count, count - given_back.size(), until).empty()) {
  }
  EXPECT_EQ(calls, begun) << "what had begun has ended, and nothing else";
  EXPECT_EQ(withdraw(count).size() + calls, count);
}

TEST_P(EngineFault, ASignalIsOnlyARetry) {
  strike(EINTR);
  run_all();
  EXPECT_TRUE(struck_);
  expect_all_done();
  expect_consistent();
  if (subject->kind() != nullptr) {
    EXPECT_EQ(events("retry"), 1U);
  }
}

TEST_P(EngineFault, WhatIsNotReadyIsAskedAgain) {
  strike(EAGAIN);
  run_all();
  expect_all_done();
  expect_consistent();
  if (subject->kind() != nullptr) {
    EXPECT_EQ(events("retry"), 1U);
  }
}

TEST_P(EngineFault, AShortTransferGoesOnWhereItEnded) {
  strike(Fault{0, 512});
  run_all();
  expect_all_done();
  expect_consistent();
  if (subject->kind() != nullptr) {
    EXPECT_GE(events("short_transfer"), 1U);
  }
}

TEST_P(EngineFault, AnErrorAfterAShortTransferTellsWhatWasMoved) {
  subject->hook = [this, offset = struck().offset](Op, std::uint64_t at) {
    if (at == offset) return Fault{0, 1024};
    return at == offset + 1024 ? Fault{EIO} : Fault{};
  };
  run_all();
  EXPECT_EQ(struck().outcome, Outcome::failed);
  EXPECT_EQ(struck().error, EIO);
  if (op() == Op::write) {
    EXPECT_EQ(struck().moved, 1024U);
  }
  expect_others_done();
  expect_consistent();
}

TEST_P(EngineFault, NothingMovedIsTheEndOfTheTarget) {
  strike(Fault{0, 0});
  run_all();
  EXPECT_EQ(struck().outcome, Outcome::end_of_target);
  EXPECT_EQ(struck().error, 0);
  EXPECT_EQ(struck().moved, 0U);
  expect_others_done();
  expect_consistent();
}

TEST_P(EngineFault, AStopWithASignalEndsTheOneThatIsUnderWay) {
  strike(Fault{EINTR, std::numeric_limits<std::size_t>::max(), [this] { subject->stop.request_stop(); }});
  const std::size_t depth = engine().traits().depth;
  std::size_t begun = 0;
  while (!struck_ && begun < kCount) {
    begun += submit(std::span(slots).subspan(begun, std::min(depth, kCount - begun)));
    (void)reap(kCount, begun - given_back.size());
  }
  EXPECT_EQ(struck().outcome, Outcome::stopped);
  EXPECT_EQ(struck().error, 0);
  EXPECT_EQ(struck().moved, 0U);
  const auto left = withdraw(kCount);
  while (given_back.size() < begun) ASSERT_FALSE(reap(kCount, 1).empty()) << "what had begun comes back";
  for (IoSlot* slot : left) slot->moved = 0;
  for (IoSlot& slot : std::span(slots).subspan(begun)) slot.moved = 0;
  for (IoSlot& slot : slots) {
    if (given_back.contains(&slot) && slot.op == Op::read && slot.outcome != Outcome::done) slot.moved = 0;
  }
  if (op() == Op::write) expect_consistent();
}

TEST_P(EngineFault, WhatIsInTheKernelIsVisibleWhileItIs) {
  const util::Nanos before = subject->clock.now();
  InFlight seen;
  subject->hook = [&](Op, std::uint64_t at) {
    if (at == struck().offset) seen = engine().in_flight();
    return Fault{};
  };
  run_all();
  EXPECT_GE(seen.count, 1U);
  EXPECT_GT(seen.since, before);
  EXPECT_LE(seen.since, struck().ended);
}

TEST_P(EngineFault, AnErrorEveryTimeIsTriedNoMoreThanABoundedNumberOfTimes) {
  std::size_t calls = 0;
  subject->hook = [&](Op, std::uint64_t at) {
    if (at != struck().offset) return Fault{};
    ++calls;
    return Fault{EIO};
  };
  run_all();
  EXPECT_EQ(struck().outcome, Outcome::failed);
  EXPECT_EQ(calls, 1U);
}

TEST_P(EngineFault, CountersAddUpAndNeverGoDown) {
  if (subject->kind() == nullptr) return;  // of no registered kind
  std::vector<std::uint64_t> before(kMaxEvents), once(kMaxEvents), twice(kMaxEvents);
  engine().add_events(before);
  strike(EINTR);
  run_all();
  engine().add_events(once);
  engine().add_events(twice);
  engine().add_events(twice);
  for (std::size_t i = 0; i < kMaxEvents; ++i) {
    EXPECT_GE(once[i], before[i]);
    EXPECT_EQ(twice[i], 2 * once[i]) << "they are added to what is there";
  }
  EXPECT_GT(std::accumulate(once.begin(), once.end(), std::uint64_t{0}), 0U);
}

}  // namespace
}  // namespace spliced::engine::contract
