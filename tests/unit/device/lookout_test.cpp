// SPDX-License-Identifier: Apache-2.0
#include "spliced/device/lookout.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <thread>

#include "unit/job/fakes.h"

namespace spliced::device {
namespace {

using testing::await;
using testing::kPatienceNanos;
using util::kSecond;
using util::Nanos;

Nanos in(Nanos time) {
  return util::system_clock().now() + time;
}

struct LookoutTest : ::testing::Test {
  void TearDown() override { valve.open(); }
  Look<int> hung_look(const std::string& what = "/dev/hung") {
    return {lookout, what, in(kPatienceNanos), [this](const auto&) -> util::Result<int> {
              valve.pass();
              return 1;
            }};
  }
  Look<int> good_look(const std::string& what, Nanos until) {
    return {lookout, what, until, [](const auto&) -> util::Result<int> { return 2; }};
  }
  testing::Valve valve;
  Lookout lookout;
};

TEST_F(LookoutTest, TellsWhatALookCameTo) {
  EXPECT_EQ(good_look("/dev/good", in(kPatienceNanos)).wait(in(kPatienceNanos)).value(), 2);
}

TEST_F(LookoutTest, AnExceptionIsAnError) {
  Look<int> look(lookout, "/dev/odd", in(kPatienceNanos),
                 [](const auto&) -> util::Result<int> { throw std::runtime_error("odd"); });
  const auto result = look.wait(in(kPatienceNanos));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "odd");
}

TEST_F(LookoutTest, ALookThatDoesNotComeBackNamesItsDevice) {
  auto look = hung_look();
  const auto result = look.wait(in(kSecond / 100));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, util::Errc::conflict);
  EXPECT_EQ(result.error().message.find("/dev/hung does not answer"), 0U) << result.error().message;
}

TEST_F(LookoutTest, ASecondLookAtADeviceThatHangsTakesNoThread) {
  auto look = hung_look();
  ASSERT_TRUE(await([&] { return valve.waiting() == 1; }));
  std::vector<std::jthread> clients;
  std::atomic<int> refused{0};
  for (int i = 0; i < 36; ++i) {
    clients.emplace_back([&] { refused += hung_look().wait(in(kPatienceNanos)) ? 0 : 1; });
  }
  clients.clear();
  EXPECT_EQ(refused, 36);
  EXPECT_EQ(valve.waiting(), 1);
  EXPECT_EQ(lookout.threads().held_for(0).size(), 1U);
}

TEST_F(LookoutTest, AnotherDeviceIsNotHeldUp) {
  auto look = hung_look();
  ASSERT_TRUE(await([&] { return valve.waiting() == 1; }));
  EXPECT_TRUE(good_look("/dev/good", in(kPatienceNanos)).wait(in(kPatienceNanos)));
}

TEST_F(LookoutTest, ADeviceThatAnswersAgainMayBeLookedAtAgain) {
  auto look = hung_look();
  ASSERT_TRUE(await([&] { return valve.waiting() == 1; }));
  EXPECT_FALSE(look.wait(in(0)));
  valve.open();
  EXPECT_TRUE(look.wait(in(kPatienceNanos)));
  EXPECT_TRUE(hung_look().wait(in(kPatienceNanos)));
}

TEST_F(LookoutTest, LooksAtOneDeviceTakeTurns) {
  std::atomic<int> together{0};
  std::atomic<int> most{0};
  std::vector<std::jthread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      Look<int> look(lookout, "/dev/one", in(kPatienceNanos), [&](const auto&) -> util::Result<int> {
        most = std::max(most.load(), ++together);
        std::this_thread::yield();
        --together;
        return 1;
      });
      EXPECT_TRUE(look.wait(in(kPatienceNanos)));
    });
  }
  clients.clear();
  EXPECT_EQ(most, 1);
}

struct AskEach : LookoutTest {
  std::vector<std::optional<int>> ask(const std::vector<std::string>& keys, std::function<int(std::size_t)> question,
                                      Nanos patience = kSecond / 50, Nanos limit = kPatienceNanos) {
    return ask_each<int>(lookout, keys, std::move(question), patience, in(limit));
  }
};

TEST_F(AskEach, AnswersInOrder) {
  const auto answers = ask(
      {"a", "b", "c"}, [](std::size_t i) { return static_cast<int>(i) * 10; }, kPatienceNanos);
  ASSERT_EQ(answers.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(answers[i], static_cast<int>(i) * 10);
}

TEST_F(AskEach, NothingIsAskedOfNobody) {
  EXPECT_TRUE(ask({}, [](std::size_t) { return 1; }).empty());
}

TEST_F(AskEach, OneThatHangsIsLeftOutAndTheRestAnswers) {
  for (const std::size_t hung : {0U, 1U, 3U}) {
    testing::Valve its_valve;
    const std::string tag = std::to_string(hung);
    const auto answers = ask({"a" + tag, "b" + tag, "c" + tag, "d" + tag}, [&](std::size_t i) {
      if (i == hung) its_valve.pass();
      return static_cast<int>(i);
    });
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(answers.at(i).has_value(), i != hung) << i << " of " << hung;
    its_valve.open();
    ASSERT_TRUE(lookout.threads().wait_until_free(kPatienceNanos));
  }
}

// Tells when it was put in its place.
struct Told {
  explicit Told(std::atomic<int>* count) : moves(count) {}
  Told(const Told& other) = default;
  Told(Told&& other) noexcept : moves(other.moves) { ++*moves; }
  Told& operator=(const Told& other) = default;
  Told& operator=(Told&& other) noexcept {
    moves = other.moves;
    ++*moves;
    return *this;
  }
  std::atomic<int>* moves;
};

TEST_F(AskEach, OneThatWasGivenUpAndAnswersLaterIsNotCountedForAnother) {
  std::array<std::atomic<int>, 2> moves{};
  const std::function<Told(std::size_t)> question = [&](std::size_t i) {
    if (i == 0) {
      valve.pass();
    } else {
      valve.open();
      EXPECT_TRUE(await([&] { return moves[0] == 2; }));           // into the answer, and with it to its place
      std::this_thread::sleep_for(std::chrono::milliseconds(50));  // for who asks to go on, which must not happen
    }
    return Told(&moves.at(i));
  };
  const auto answers = ask_each<Told>(lookout, {"late", "good"}, question, kSecond / 2, in(kPatienceNanos));
  EXPECT_EQ(moves[0], 2);
  EXPECT_TRUE(answers[1]) << "was waited for";
  ASSERT_TRUE(lookout.threads().wait_until_free(kPatienceNanos));
}

TEST_F(AskEach, AllThatHangCostNoMoreThanTheLimit) {
  const Nanos begun = util::system_clock().now();
  const auto answers = ask(
      {"a", "b", "c", "d"}, [this](std::size_t) { return valve.pass(), 1; }, kPatienceNanos, kSecond / 20);
  EXPECT_LT(util::system_clock().now() - begun, kPatienceNanos / 2);
  for (const auto& answer : answers) EXPECT_FALSE(answer);
  valve.open();
  ASSERT_TRUE(lookout.threads().wait_until_free(kPatienceNanos));
}

TEST_F(AskEach, OneThatIsBeingLookedAtForLongIsLeftOut) {
  auto look = hung_look("b");
  ASSERT_TRUE(await([&] { return valve.waiting() == 1; }));
  const auto answers = ask({"a", "b", "c"}, [](std::size_t i) { return static_cast<int>(i); });
  EXPECT_TRUE(answers[0]);
  EXPECT_FALSE(answers[1]);
  EXPECT_TRUE(answers[2]);
}

TEST_F(AskEach, WhoAsksTheSameAtTheSameTimeIsAnsweredToo) {
  std::vector<std::jthread> clients;
  std::atomic<int> answered{0};
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      const auto answers = ask(
          {"a", "b"}, [](std::size_t) { return std::this_thread::yield(), 1; }, kPatienceNanos);
      answered += (answers[0] ? 1 : 0) + (answers[1] ? 1 : 0);
    });
  }
  clients.clear();
  EXPECT_EQ(answered, 16);
}

}  // namespace
}  // namespace spliced::device
