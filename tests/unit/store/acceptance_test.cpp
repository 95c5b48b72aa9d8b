// SPDX-License-Identifier: Apache-2.0
#include "store/acceptance.h"

#include <gtest/gtest.h>

#include <future>

#include "memory_store.h"
#include "unit/job/fakes.h"

namespace spliced::store {
namespace {

using testing::await;
using testing::kPatienceNanos;

struct AcceptanceTest : ::testing::Test {
  void TearDown() override {
    valve.open();
    acceptance.stop();
  }
  static StoredJob record(const std::string& id) {
    StoredJob job;
    job.id = id;
    job.results = testing::results_of("the text of " + id);
    return job;
  }
  testing::MemoryStore store;
  testing::Valve valve;
  std::vector<std::string> withdrawn;
  Acceptance acceptance{store, [this](const std::string& id) { withdrawn.push_back(id); }};
};

TEST_F(AcceptanceTest, ReturnsWhenTheStoreHasIt) {
  EXPECT_TRUE(acceptance.put(record("a"), kPatienceNanos));
  EXPECT_EQ(store.text("a"), "the text of a");
  EXPECT_TRUE(acceptance.wait_until_idle(0));
}

TEST_F(AcceptanceTest, WhatTheStoreDoesNotTakeIsNotAccepted) {
  store.broken = true;
  const auto status = acceptance.put(record("a"), kPatienceNanos);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, util::Errc::unavailable);
  EXPECT_NE(status.error().message.find("the store is broken"), std::string::npos) << status.error().message;
}

TEST_F(AcceptanceTest, WhatTheStoreTakesTooLateIsWithdrawn) {
  store.before_accept = [&](const StoredJob&) { valve.pass(); };
  auto first = std::async(std::launch::async, [&] { return acceptance.put(record("a"), util::kSecond / 20); });
  ASSERT_TRUE(await([&] { return valve.waiting() == 1; }));
  EXPECT_FALSE(acceptance.wait_until_idle(0));
  EXPECT_EQ(first.get().error().code, util::Errc::unavailable);
  EXPECT_FALSE(acceptance.put(record("b"), 1)) << "it is not even begun";
  valve.open();
  EXPECT_TRUE(acceptance.put(record("c"), kPatienceNanos)) << "from now on it works";
  EXPECT_EQ(withdrawn, std::vector<std::string>{"a"});
  EXPECT_FALSE(store.find("b"));
}

}  // namespace
}  // namespace spliced::store
