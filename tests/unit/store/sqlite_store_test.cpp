// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include <map>

#include "sqlite_fixture.h"

namespace spliced::store {
namespace {

using testing::contains;

TEST_F(SqliteStore, StartsEmpty) {
  EXPECT_EQ(ids(*open()), Ids{});
}

TEST_F(SqliteStore, GivesBackWhatItWasGivenAfterReopening) {
  StoredJob job = make_job("id-1");
  job.name = "naïve '; DROP TABLE jobs; --";
  job.state = "FAILED";
  job.verdict = "FAIL";
  job.reason = "1 of 1 devices failed";
  job.started_at = at_ms(1'700'000'000'456);
  job.ended_at = at_ms(1'700'000'001'789);
  job.saved_at = at_ms(1'700'000'001'800);
  job.devices = {"nvme0n1", "/srv/a file"};
  job.targets = {"/dev/nvme0n1"};
  job.target_count = 2;
  job.destructive = true;
  job.progress = 0.25;
  job.errors = 7;
  job.run_id = "0123456789abcdef0123456789abcdef";
  job.elapsed = 1'234'567'890'123;
  job.spec = "{\"a\":1}";
  ASSERT_TRUE(open()->put(job));
  const auto jobs = open()->load(10);
  ASSERT_TRUE(jobs);
  ASSERT_EQ(jobs->size(), 1U);
  const StoredJob& back = jobs->front();
  EXPECT_EQ(back.id, job.id);
  EXPECT_EQ(back.name, job.name);
  EXPECT_EQ(back.state, job.state);
  EXPECT_EQ(back.verdict, job.verdict);
  EXPECT_EQ(back.reason, job.reason);
  EXPECT_EQ(back.created_at, job.created_at);
  EXPECT_EQ(back.started_at, job.started_at);
  EXPECT_EQ(back.ended_at, job.ended_at);
  EXPECT_EQ(back.devices, job.devices);
  EXPECT_EQ(back.targets, job.targets);
  EXPECT_EQ(back.target_count, 2U);
  EXPECT_EQ(back.destructive, true);
  EXPECT_EQ(back.progress, 0.25);
  EXPECT_EQ(back.errors, 7U);
  EXPECT_EQ(back.run_id, job.run_id);
  EXPECT_EQ(back.elapsed, job.elapsed);
  EXPECT_EQ(open()->record("id-1")->spec(), job.spec);
}

TEST_F(SqliteStore, AJobThatEndedStaysAsItIs) {
  auto store = open();
  StoredJob job = make_job("id-1");
  job.state = "RUNNING";
  ASSERT_TRUE(store->put(job));
  StoredJob ended = job;
  ended.state = "SUCCEEDED";
  ended.verdict = "PASS";
  ended.ended_at = at_ms(1'700'000'001'789);
  ASSERT_TRUE(store->put(ended));
  ASSERT_TRUE(store->put(job));
  const auto jobs = store->load(10);
  ASSERT_TRUE(jobs);
  EXPECT_EQ(jobs->front().state, "SUCCEEDED");
  EXPECT_EQ(jobs->front().verdict, "PASS");
}

TEST_F(SqliteStore, TimesThatAreNotSetStayUnset) {
  auto store = open();
  ASSERT_TRUE(store->put(make_job("id-1")));
  const auto jobs = store->load(1);
  ASSERT_TRUE(jobs);
  EXPECT_FALSE(jobs->at(0).started_at);
  EXPECT_FALSE(jobs->at(0).ended_at);
  EXPECT_TRUE(jobs->at(0).devices.empty());
}

TEST_F(SqliteStore, PuttingAgainReplaces) {
  auto store = open();
  StoredJob job = make_job("id-1");
  ASSERT_TRUE(store->put(job));
  job.state = "SUCCEEDED";
  ASSERT_TRUE(store->put(job));
  const auto jobs = store->load(10);
  ASSERT_TRUE(jobs);
  ASSERT_EQ(jobs->size(), 1U);
  EXPECT_EQ(jobs->at(0).state, "SUCCEEDED");
}

TEST_F(SqliteStore, ErasesOneJobAndNoOther) {
  auto store = open();
  ASSERT_TRUE(store->put(make_job("a", 1)));
  ASSERT_TRUE(store->put(make_job("b", 2)));
  EXPECT_TRUE(store->erase("a", Erased::forgotten));
  EXPECT_TRUE(store->erase("never-there", Erased::forgotten));
  EXPECT_EQ(ids(*store), Ids{"b"});
}

TEST_F(SqliteStore, FiguresAreThoseOfAStageOfADevice) {
  auto store = open();
  ASSERT_TRUE(store->put(make_job("a", 1)));
  ASSERT_TRUE(store->put(make_job("b", 2)));
  const std::string bytes("\0\xff\n", 3);
  ASSERT_TRUE(
      store->put_figures({{"a", 0, -1, bytes}, {"a", 0, 2, "two"}, {"a", 1, 0, "other"}, {"nobody", 0, 0, "x"}}));
  ASSERT_TRUE(store->put_figures({{"a", 0, 2, "two again"}, {"b", 0, 0, "b"}}));
  store = open();
  const auto of = [&store](const std::string& id, std::size_t device, int stage) {
    return store->record(id)->figures(device, stage);
  };
  EXPECT_EQ(bytes, of("a", 0, -1));
  EXPECT_EQ("two again", of("a", 0, 2));
  EXPECT_EQ("other", of("a", 1, 0));
  EXPECT_FALSE(of("a", 0, 0));
  EXPECT_FALSE(of("a", 2, 0));
  EXPECT_FALSE(of("nobody", 0, 0));
  ASSERT_TRUE(store->erase("a", Erased::forgotten));
  EXPECT_FALSE(of("a", 0, 2));
  EXPECT_EQ("b", of("b", 0, 0));
}

// A writer that does not come to its end, as on a disk that hangs.
TEST_F(SqliteStore, ANewJobWaitsForAnotherWriterForASecondAtMost) {
  auto store = open();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  const auto refused = store->accept(make_job("a"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("the state directory is slow"), std::string::npos) << refused.error().message;
  sqlite3_close(other);
  EXPECT_TRUE(store->accept(make_job("a")));
}

TEST_F(SqliteStore, LoadsTheNewestOldestFirst) {
  auto store = open();
  ASSERT_TRUE(store->put(make_job("oldest", 10)));
  ASSERT_TRUE(store->put(make_job("middle", 20)));
  ASSERT_TRUE(store->put(make_job("newest", 30)));
  EXPECT_EQ(ids(*store), (Ids{"oldest", "middle", "newest"}));
  EXPECT_EQ(ids(*store, 2), (Ids{"middle", "newest"}));
  EXPECT_EQ(ids(*store, 0), Ids{});
}

// The clock may be set: the order is that in which they came.
TEST_F(SqliteStore, ASequenceDecidesNotTheClock) {
  auto store = open();
  StoredJob job = make_job("first", 30);
  job.sequence = 5;
  ASSERT_TRUE(store->put(job));
  job = make_job("second", 10);
  job.sequence = 6;
  ASSERT_TRUE(store->put(job));
  EXPECT_EQ(ids(*store), (Ids{"first", "second"}));
  EXPECT_EQ(ids(*store, 1), Ids{"second"});
  EXPECT_EQ(store->load(1)->at(0).sequence, 6U);
}

TEST_F(SqliteStore, JobsOfOneMillisecondKeepTheirOrder) {
  auto store = open();
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(store->put(make_job(id, 5)));
  EXPECT_EQ(ids(*store), (Ids{"a", "b", "c"}));
}

TEST_F(SqliteStore, TheNewestIsNotConfusedByJobsOfOneMillisecond) {
  auto store = open();
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(store->put(make_job(id, 5)));
  ASSERT_TRUE(store->put(make_job("d", 6)));
  EXPECT_EQ(ids(*store, 2), (Ids{"c", "d"}));
}

TEST_F(SqliteStore, ReplacingAJobKeepsItsPlaceWithinAMillisecond) {
  auto store = open();
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(store->put(make_job(id, 5)));
  ASSERT_TRUE(store->put(make_job("a", 5)));
  EXPECT_EQ(ids(*store), (Ids{"a", "b", "c"}));
}

TEST_F(SqliteStore, AStateIsReadAsItIs) {
  ASSERT_TRUE(open()->put(make_job("a")));
  execute("UPDATE jobs SET state='LEVITATING', verdict='MAYBE'");
  const auto jobs = open()->load(1);
  ASSERT_TRUE(jobs);
  EXPECT_EQ(jobs->at(0).state, "LEVITATING");
  EXPECT_EQ(jobs->at(0).verdict, "MAYBE");
}

TEST_F(SqliteStore, APathThatCannotBeWrittenIsAnError) {
  for (const std::string& bad : {dir / "no/such/jobs.db", dir.path(), std::string("/proc/self/jobs.db")}) {
    const auto refused = open_sqlite_store(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code, util::Errc::system);
    EXPECT_NE(refused.error().sys_errno, EUCLEAN) << "nothing is damaged";
    EXPECT_TRUE(contains(refused.error().message, bad)) << refused.error().message;
  }
}

TEST_F(SqliteStore, AFileThatIsNoDatabaseIsAnError) {
  dir.write("jobs.db", std::string(4096, 'x'));
  const auto refused = open_sqlite_store(path);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, util::Errc::system);
  EXPECT_EQ(refused.error().sys_errno, EUCLEAN);
}

TEST_F(SqliteStore, ATableThatWentAwayIsAnErrorNotACrash) {
  auto store = open();
  ASSERT_TRUE(store->put(make_job("a")));
  execute("DROP TABLE jobs");
  EXPECT_FALSE(store->put(make_job("b")));
  EXPECT_FALSE(store->erase("a", Erased::forgotten));
  EXPECT_FALSE(store->load(1));
}

TEST(NullStore, KeepsNothing) {
  const auto store = make_null_store();
  EXPECT_TRUE(store->put(make_job("a")));
  EXPECT_TRUE(store->erase("a", Erased::forgotten));
  EXPECT_TRUE(store->load(10)->empty());
}

}  // namespace
}  // namespace spliced::store
