// SPDX-License-Identifier: Apache-2.0
#include "sqlite_fixture.h"

namespace spliced::store {
namespace {

StoredJob with_key(const std::string& id, const std::string& key, util::WallTime at) {
  StoredJob job = make_job(id);
  job.key = StoredKey{"uid:1000", key, "digest of " + id, id, at};
  return job;
}
util::WallTime hours_ago(int hours) {
  return std::chrono::system_clock::now() - std::chrono::hours(hours);
}
std::vector<std::string> keys_in(JobStore& store) {
  std::vector<std::string> out;
  const auto keys = store.keys();
  EXPECT_TRUE(keys);
  for (const StoredKey& one : keys.value())
    out.push_back(one.principal + " " + one.key + " " + one.digest + " " + one.job);
  return out;
}

TEST_F(SqliteStore, AKeyComesToTheDiskWithItsJob) {
  ASSERT_TRUE(open()->accept(with_key("a", "one", hours_ago(1))));
  const auto store = open();
  EXPECT_EQ(keys_in(*store), std::vector<std::string>{"uid:1000 one digest of a a"});
  EXPECT_EQ(ids(*store), Ids{"a"});
}

TEST_F(SqliteStore, AKeyOfMoreThanADayIsDropped) {
  const auto store = open();
  ASSERT_TRUE(store->accept(with_key("a", "old", hours_ago(25))));
  EXPECT_EQ(keys_in(*store), std::vector<std::string>{});
  ASSERT_TRUE(store->accept(with_key("b", "new", hours_ago(0))));
  EXPECT_EQ(keys_in(*store), std::vector<std::string>{"uid:1000 new digest of b b"});
  EXPECT_EQ(count("keys"), 1) << "it is not only left out";
}

TEST_F(SqliteStore, OfAForgottenJobIdAndKeyAreKnown) {
  const auto store = open();
  ASSERT_TRUE(store->accept(with_key("a", "one", hours_ago(1))));
  EXPECT_TRUE(store->has_used("a").value()) << "it is there";
  ASSERT_TRUE(store->erase("a", Erased::forgotten));
  EXPECT_TRUE(store->has_used("a").value());
  EXPECT_FALSE(store->has_used("b").value());
  EXPECT_EQ(keys_in(*store).size(), 1U);
  EXPECT_TRUE(store->erase("a", Erased::forgotten)) << "once more, after an error";
  EXPECT_TRUE(open()->has_used("a").value());
}

TEST_F(SqliteStore, OfAWithdrawnJobNothingIsKnown) {
  const auto store = open();
  ASSERT_TRUE(store->accept(with_key("a", "one", hours_ago(1))));
  ASSERT_TRUE(store->accept(with_key("b", "two", hours_ago(0))));
  ASSERT_TRUE(store->erase("a", Erased::withdrawn));
  EXPECT_FALSE(store->has_used("a").value());
  EXPECT_EQ(keys_in(*store), std::vector<std::string>{"uid:1000 two digest of b b"});
}

TEST_F(SqliteStore, OnlyTheNewestIdsOfForgottenJobsAreKnown) {
  const auto store = open();
  ASSERT_TRUE(store->erase("oldest", Erased::forgotten));
  execute("UPDATE sqlite_sequence SET seq=" + std::to_string(kFormerJobs) + " WHERE name='former_jobs'");
  ASSERT_TRUE(store->erase("newest", Erased::forgotten));
  EXPECT_FALSE(store->has_used("oldest").value());
  EXPECT_TRUE(store->has_used("newest").value());
}

}  // namespace
}  // namespace spliced::store
