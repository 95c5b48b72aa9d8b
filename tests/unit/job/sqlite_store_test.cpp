#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cerrno>

#include "spliced/job/store.h"
#include "unit/device/temp_dir.h"

namespace spliced::job {
namespace {

using testing::contains;

WallTime at_ms(std::int64_t ms) {
  return WallTime(std::chrono::milliseconds(ms));
}

StoredJob make_job(const std::string& id, std::int64_t created_ms = 1'700'000'000'123) {
  StoredJob job;
  job.id = id;
  job.created_at = at_ms(created_ms);
  return job;
}

struct SqliteStore : ::testing::Test {
  std::unique_ptr<JobStore> open() {
    auto store = open_sqlite_store(path);
    EXPECT_TRUE(store) << (store ? "" : store.error().message);
    return store ? std::move(*store) : nullptr;
  }
  static std::vector<std::string> ids(JobStore& store, std::size_t limit = 100) {
    std::vector<std::string> out;
    auto jobs = store.load(limit);
    EXPECT_TRUE(jobs);
    for (const auto& job : jobs.value()) out.push_back(job.id);
    return out;
  }
  void execute(const std::string& sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(database);
  }
  testing::TempDir dir;
  std::string path = dir / "jobs.db";
};
using Ids = std::vector<std::string>;

TEST_F(SqliteStore, StartsEmpty) {
  EXPECT_EQ(ids(*open()), Ids{});
}

TEST_F(SqliteStore, GivesBackWhatItWasGivenAfterReopening) {
  StoredJob job = make_job("id-1");
  job.name = "naïve '; DROP TABLE jobs; --";
  job.state = State::failed;
  job.verdict = Verdict::fail;
  job.reason = "1 of 1 devices failed";
  job.started_at = at_ms(1'700'000'000'456);
  job.ended_at = at_ms(1'700'000'001'789);
  job.saved_at = at_ms(1'700'000'001'800);
  job.devices = {"nvme0n1", "/srv/a file"};
  job.document = std::string("{\"a\":1}\0tail", 12);
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
  EXPECT_EQ(back.saved_at, job.saved_at);
  EXPECT_EQ(back.devices, job.devices);
  EXPECT_EQ(back.document, job.document);
}

TEST_F(SqliteStore, AJobThatEndedStaysAsItIs) {
  auto store = open();
  StoredJob job = make_job("id-1");
  job.state = State::running;
  ASSERT_TRUE(store->put(job));
  StoredJob ended = job;
  ended.state = State::succeeded;
  ended.verdict = Verdict::pass;
  ended.ended_at = at_ms(1'700'000'001'789);
  ASSERT_TRUE(store->put(ended));
  ASSERT_TRUE(store->put(job));
  const auto jobs = store->load(10);
  ASSERT_TRUE(jobs);
  EXPECT_EQ(jobs->front().state, State::succeeded);
  EXPECT_EQ(jobs->front().verdict, Verdict::pass);
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

TEST_F(SqliteStore, EveryStateAndVerdictSurvives) {
  auto store = open();
  for (std::size_t i = 0; i < kStates; ++i) {
    StoredJob job = make_job("id-" + std::to_string(i), static_cast<std::int64_t>(i));
    job.state = static_cast<State>(i);
    job.verdict = static_cast<Verdict>(i % 3);
    ASSERT_TRUE(store->put(job));
  }
  const auto jobs = store->load(kStates);
  ASSERT_TRUE(jobs);
  for (std::size_t i = 0; i < kStates; ++i) {
    EXPECT_EQ(jobs->at(i).state, static_cast<State>(i));
    EXPECT_EQ(jobs->at(i).verdict, static_cast<Verdict>(i % 3));
  }
}

TEST_F(SqliteStore, PuttingAgainReplaces) {
  auto store = open();
  StoredJob job = make_job("id-1");
  ASSERT_TRUE(store->put(job));
  job.state = State::succeeded;
  ASSERT_TRUE(store->put(job));
  const auto jobs = store->load(10);
  ASSERT_TRUE(jobs);
  ASSERT_EQ(jobs->size(), 1U);
  EXPECT_EQ(jobs->at(0).state, State::succeeded);
}

TEST_F(SqliteStore, ErasesOneJobAndNoOther) {
  auto store = open();
  ASSERT_TRUE(store->put(make_job("a", 1)));
  ASSERT_TRUE(store->put(make_job("b", 2)));
  EXPECT_TRUE(store->erase("a"));
  EXPECT_TRUE(store->erase("never-there"));
  EXPECT_EQ(ids(*store), Ids{"b"});
}

TEST_F(SqliteStore, LoadsTheNewestOldestFirst) {
  auto store = open();
  ASSERT_TRUE(store->put(make_job("middle", 20)));
  ASSERT_TRUE(store->put(make_job("newest", 30)));
  ASSERT_TRUE(store->put(make_job("oldest", 10)));
  EXPECT_EQ(ids(*store), (Ids{"oldest", "middle", "newest"}));
  EXPECT_EQ(ids(*store, 2), (Ids{"middle", "newest"}));
  EXPECT_EQ(ids(*store, 0), Ids{});
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

TEST_F(SqliteStore, AStateNobodyKnowsIsReadAsInterrupted) {
  ASSERT_TRUE(open()->put(make_job("a")));
  execute("UPDATE jobs SET state='LEVITATING', verdict='MAYBE'");
  const auto jobs = open()->load(1);
  ASSERT_TRUE(jobs);
  EXPECT_EQ(jobs->at(0).state, State::interrupted);
  EXPECT_EQ(jobs->at(0).verdict, Verdict::none);
}

TEST_F(SqliteStore, ANewerSchemaIsRefusedAndLeftAlone) {
  ASSERT_TRUE(open()->put(make_job("a")));
  execute("PRAGMA user_version=3");
  const auto refused = open_sqlite_store(path);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(contains(refused.error().message, "version 3")) << refused.error().message;
  EXPECT_NE(refused.error().sys_errno, EUCLEAN);
  EXPECT_TRUE(contains(refused.error().message, path));
  execute("PRAGMA user_version=2");
  EXPECT_EQ(ids(*open()), Ids{"a"});
}

TEST_F(SqliteStore, ADatabaseOfTheFirstVersionIsTakenOver) {
  execute(
      "CREATE TABLE jobs (id TEXT PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL, verdict TEXT NOT NULL, reason "
      "TEXT NOT NULL, created_ms INTEGER NOT NULL, started_ms INTEGER, ended_ms INTEGER, devices TEXT NOT NULL, "
      "document "
      "TEXT NOT NULL);"
      "INSERT INTO jobs VALUES ('a', '', 'RUNNING', '', '', 1000, 2000, NULL, 'sda', '{}');"
      "PRAGMA user_version=1;");
  const auto store = open();
  const StoredJob old = store->load(1).value().at(0);
  EXPECT_EQ(old.id, "a");
  EXPECT_EQ(old.saved_at, at_ms(2000));
  ASSERT_TRUE(store->put(make_job("b")));
  EXPECT_EQ(ids(*open()), (Ids{"a", "b"}));
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
  EXPECT_FALSE(store->erase("a"));
  EXPECT_FALSE(store->load(1));
}

TEST(NullStore, KeepsNothing) {
  const auto store = make_null_store();
  EXPECT_TRUE(store->put(make_job("a")));
  EXPECT_TRUE(store->erase("a"));
  EXPECT_TRUE(store->load(10)->empty());
}

}  // namespace
}  // namespace spliced::job
