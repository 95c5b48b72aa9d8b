// SPDX-License-Identifier: Apache-2.0
#include "daemon/app.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "daemon/run.h"
#include "spliced/util/threads.h"
#include "unit/http/raw_client.h"

namespace spliced::test {

void run_sql(const std::string& path, const std::string& sql) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  char* error = nullptr;
  EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK) << (error ? error : "");
  sqlite3_free(error);
  sqlite3_close(database);
}

std::int64_t number(const std::string& path, const std::string& query) {
  sqlite3* database = nullptr;
  sqlite3_stmt* statement = nullptr;
  EXPECT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  EXPECT_EQ(sqlite3_prepare_v2(database, query.c_str(), -1, &statement, nullptr), SQLITE_OK)
      << sqlite3_errmsg(database);
  EXPECT_EQ(sqlite3_step(statement), SQLITE_ROW);
  const std::int64_t found = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  sqlite3_close(database);
  return found;
}

}  // namespace spliced::test

namespace spliced::daemon {
namespace {

using nlohmann::json;
using test::get_text;
using test::post_text;

class AppTest : public ::testing::Test {
 protected:
  AppTest() {
    util::install_wake_handler();
    config_.bus = "none";
    config_.state_dir = dir_ / "state";
    config_.allow = {dir_.path() + "/"};
    http::Address address;
    address.unix_path = dir_ / "run/s.sock";
    config_.listen.push_back(address);
    std::ofstream(dir_ / "a.dat") << std::string(65536, '\0');
  }
  void write_token(const std::string& text) {
    config_.token_file = dir_ / "token";
    std::ofstream(config_.token_file) << text;
    ::chmod(config_.token_file.c_str(), 0600);
  }
  test::Reply ask(const std::string& request) { return test::exchange(config_.listen[0], request); }

  test::TempDir dir_;
  util::NullLogger log_;
  Config config_;
};

// A look at systemctl(1) in the first second of a job: no rate since a look before is needed.
TEST_F(AppTest, TheStatusLineIsRightFromTheFirst) {
  App app(config_, log_);
  ASSERT_TRUE(app.start());
  const json job = {{"targets", {dir_ / "a.dat"}},
                    {"workload", {{"direct", false}, {"bs", "4k"}, {"runtime", "1h"}, {"time_based", true}}}};
  const test::Reply created = ask(post_text("/v1/jobs", job.dump()));
  ASSERT_EQ(created.status, 201) << created.body;
  const auto operations = [&] {
    const auto shown = json::parse(ask(get_text(created.header("location"))).body);
    return shown.at("devices")[0].at("io").at("read").at("operations").get<int>();
  };
  while (operations() < 1000) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const std::string line = app.status_line();
  EXPECT_TRUE(line.starts_with("1 jobs on 1 devices, ")) << line;
  EXPECT_EQ(line.find(" 0 IOPS"), line.npos) << line;
  EXPECT_TRUE(app.stop());
}

TEST_F(AppTest, ServesRunsAJobAndStops) {
  App app(config_, log_);
  const auto started = app.start();
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_TRUE(app.healthy());
  for (const char* path : {"/livez", "/readyz", "/metrics", "/openapi.yaml", "/v1/version", "/v1/jobs", "/"}) {
    EXPECT_EQ(ask(get_text(path)).status, 200) << path;
  }
  const json job = {{"targets", {dir_ / "a.dat"}}, {"workload", {{"direct", false}}}};
  const test::Reply created = ask(post_text("/v1/jobs", job.dump()));
  ASSERT_EQ(created.status, 201) << created.body;
  const test::Reply ended = ask(get_text(created.header("location") + "?wait=60s"));
  EXPECT_EQ(json::parse(ended.body).at("verdict"), "PASS") << ended.body;
  EXPECT_TRUE(app.status_line().starts_with("idle; 1 jobs known")) << app.status_line();
  EXPECT_TRUE(app.stop());
  EXPECT_FALSE(std::filesystem::exists(dir_ / "run/s.sock"));
}

TEST_F(AppTest, RemembersJobsOfTheDaemonBefore) {
  std::string location;
  {
    App app(config_, log_);
    ASSERT_TRUE(app.start());
    const json job = {{"name", "before"}, {"targets", {dir_ / "a.dat"}}, {"workload", {{"direct", false}}}};
    location = ask(post_text("/v1/jobs", job.dump())).header("location");
    ask(get_text(location + "?wait=60s"));
    EXPECT_TRUE(app.stop());
  }
  App app(config_, log_);
  ASSERT_TRUE(app.start());
  const json job = json::parse(ask(get_text(location)).body);
  EXPECT_EQ(job.at("name"), "before");
  EXPECT_EQ(job.at("state"), "SUCCEEDED");
  EXPECT_EQ(job.at("devices")[0].at("io").at("read").at("bytes"), 65536);
  EXPECT_TRUE(app.stop());
}

TEST_F(AppTest, TwoDaemonsDoNotShareAStateDirectory) {
  App first(config_, log_);
  ASSERT_TRUE(first.start());
  Config other = config_;
  other.listen[0].unix_path = dir_ / "run/other.sock";
  App second(other, log_);
  const auto status = second.start();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, util::Errc::conflict);
  EXPECT_TRUE(second.stop());
  EXPECT_TRUE(first.stop());
}

TEST_F(AppTest, ReloadChangesWhatMayBeUsed) {
  App app(config_, log_);
  ASSERT_TRUE(app.start());
  const std::string request =
      post_text("/v1/jobs", json{{"targets", {dir_ / "a.dat"}}, {"workload", {{"direct", false}}}}.dump());
  EXPECT_FALSE(app.reload(util::fail(util::Errc::invalid, "a broken file")));
  EXPECT_EQ(ask(request).status, 201);
  Config next = config_;
  next.allow.clear();
  EXPECT_TRUE(app.reload(next));
  EXPECT_EQ(ask(request).status, 409);
  EXPECT_TRUE(app.stop());
}

TEST_F(AppTest, AReloadThatFailsIsToldUntilOneSucceedsAndChangesNothing) {
  App app(config_, log_);
  ASSERT_TRUE(app.start());
  const auto metric = [&](const std::string& line) {
    return ask(get_text("/metrics")).body.find("\n" + line + "\n") != std::string::npos;
  };
  EXPECT_TRUE(metric("spliced_config_last_reload_successful 1"));
  Config next = config_;
  next.allow.clear();
  next.token_file = dir_ / "missing";
  EXPECT_FALSE(app.reload(next));
  EXPECT_TRUE(metric("spliced_config_last_reload_successful 0"));
  EXPECT_NE(app.status_line().find("the last reload failed: --token-file " + dir_ / "missing"), std::string::npos)
      << app.status_line();
  const json job = {{"targets", {dir_ / "a.dat"}}, {"workload", {{"direct", false}}}};
  EXPECT_EQ(ask(post_text("/v1/jobs", job.dump())).status, 201);
  EXPECT_TRUE(app.reload(config_));
  EXPECT_TRUE(metric("spliced_config_last_reload_successful 1"));
  EXPECT_EQ(app.status_line().find("reload"), std::string::npos) << app.status_line();
  EXPECT_TRUE(app.stop());
}

TEST_F(AppTest, AConfigurationThatIsGoneDoesNotMeanDefaults) {
  config_.file = dir_ / "spliced.json";
  App app(config_, log_);
  ASSERT_TRUE(app.start());
  const auto status = app.reload(Config{});
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find(config_.file), std::string::npos);
  EXPECT_TRUE(app.stop());
}

TEST_F(AppTest, IsNotReadyWithoutItsStateDirectory) {
  App app(config_, log_);
  ASSERT_TRUE(app.start());
  std::filesystem::rename(config_.state_dir, dir_ / "moved");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  test::Reply reply;
  while ((reply = ask(get_text("/readyz"))).status != 503 && std::chrono::steady_clock::now() < end) continue;
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.body, "the state directory " + config_.state_dir + " is gone\n");
  EXPECT_EQ(ask(get_text("/livez")).status, 200);
  EXPECT_NE(app.status_line().find(config_.state_dir + " is gone"), std::string::npos) << app.status_line();
  EXPECT_TRUE(app.stop());
}

TEST_F(AppTest, BadTokenFileIsFoundBeforeTheStart) {
  EXPECT_TRUE(check(config_));
  write_token("short");
  EXPECT_FALSE(check(config_));
  EXPECT_FALSE(App(config_, log_).start());
  write_token("long-enough-for-a-token");
  EXPECT_TRUE(check(config_));
}

// What a disk, a crash or an editor makes of the database.
using Damage = std::pair<const char*, std::function<void(const std::string& path)>>;

void write_at(const std::string& path, std::streamoff offset, const std::string& bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(offset);
  file << bytes;
}

const Damage kDamages[] = {
    {"noise", [](const std::string& path) { std::ofstream(path) << std::string(100'000, '\x5a'); }},
    {"noise with noise beside it",
     [](const std::string& path) {
       for (const char* ending : {"", "-wal", "-shm"}) std::ofstream(path + ending) << std::string(70'000, '\x5b');
     }},
    {"cut",
     [](const std::string& path) { std::filesystem::resize_file(path, std::filesystem::file_size(path) - 5000); }},
    {"a cut header", [](const std::string& path) { std::filesystem::resize_file(path, 50); }},
    {"a wrong header", [](const std::string& path) { write_at(path, 0, "not a database"); }},
    {"a bad page", [](const std::string& path) { write_at(path, 4096, std::string(4096, '\xff')); }},
    {"all pages but the first bad",
     [](const std::string& path) {
       write_at(path, 4096, std::string(std::filesystem::file_size(path) - 4096, '\x11'));
     }},
    {"another table",
     [](const std::string& path) {
       std::filesystem::remove(path);
       test::run_sql(path, "CREATE TABLE jobs (id TEXT PRIMARY KEY); PRAGMA user_version=2");
     }},
    {"an index that does not fit",
     [](const std::string& path) {
       test::run_sql(path,
                     "PRAGMA writable_schema=ON; CREATE INDEX spare ON jobs(name); "
                     "INSERT INTO sqlite_schema SELECT 'index', 'odd', 'jobs', rootpage, "
                     "'CREATE INDEX odd ON jobs(reason)' FROM sqlite_schema WHERE name='spare'; "
                     "DELETE FROM sqlite_schema WHERE name='spare'");
     }},
};

class DamagedStateTest : public AppTest {
 protected:
  // Databases in the state directory whose names begin like this.
  [[nodiscard]] std::vector<std::string> names(const std::string& beginning) const {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(config_.state_dir)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(beginning) && !name.ends_with("-wal") && !name.ends_with("-shm")) out.push_back(name);
    }
    return out;
  }
  void run_jobs(int count) {
    App app(config_, log_);
    ASSERT_TRUE(app.start());
    const std::string job =
        json{{"targets", {dir_ / "a.dat"}}, {"workload", {{"direct", false}}}, {"name", std::string(100, 'n')}}.dump();
    for (int i = 0; i < count; ++i) {
      const test::Reply created = ask(post_text("/v1/jobs", job));
      ASSERT_EQ(created.status, 201) << created.body;
      ask(get_text(created.header("location") + "?wait=60s"));
    }
    EXPECT_TRUE(app.stop());
  }
};

class DamagedStateKinds : public DamagedStateTest, public testing::WithParamInterface<Damage> {};

TEST_P(DamagedStateKinds, IsSetAsideAndTheDaemonStarts) {
  run_jobs(8);
  const std::string path = config_.state_dir + "/state.db";
  GetParam().second(path);
  std::ifstream in(path);
  const std::string before(std::istreambuf_iterator<char>(in), {});
  {
    App app(config_, log_);
    const auto started = app.start();
    ASSERT_TRUE(started) << started.error().message;
    EXPECT_EQ(json::parse(ask(get_text("/v1/jobs")).body).at("jobs").size(), 0U);
    const auto aside = names("state.db.damaged-");
    ASSERT_EQ(aside.size(), 1U);
    EXPECT_NE(app.status_line().find(config_.state_dir + "/" + aside[0]), std::string::npos) << app.status_line();
    std::ifstream kept(config_.state_dir + "/" + aside[0]);
    const std::string after(std::istreambuf_iterator<char>(kept), {});
    // One that is no damaged database, but another program's, is turned to WAL mode before that is seen.
    EXPECT_TRUE(before == after || std::string(GetParam().first) == "another table");
    EXPECT_EQ(ask(get_text("/readyz")).body, "ok\n");
    EXPECT_TRUE(app.stop());
  }
  run_jobs(1);
  EXPECT_EQ(names("state.db.damaged-").size(), 1U) << "the new database is whole";
}

// Too large to be checked as a whole, so that reading the jobs is what finds it.
TEST_F(DamagedStateTest, ABadPageOfALargeDatabaseIsFoundWhenItsJobsAreRead) {
  run_jobs(1);
  const std::string path = config_.state_dir + "/state.db";
  test::run_sql(
      path,
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 70) INSERT INTO jobs (id, "
      "name, state, verdict, reason, created_ms, started_ms, ended_ms, devices, document, saved_ms) SELECT 'id' || i, "
      "'', 'SUCCEEDED', 'PASS', '', i, i, i, '', printf('%.*c', 1000000, 'x'), i FROM n; "
      "PRAGMA wal_checkpoint(TRUNCATE)");
  ASSERT_GT(std::filesystem::file_size(path), 64U << 20);
  const auto page =
      test::number(path, "SELECT pageno FROM dbstat WHERE name='jobs' AND pagetype='leaf' LIMIT 1 OFFSET 3");
  write_at(path, (page - 1) * 4096, std::string(4096, '\xff'));
  App app(config_, log_);
  const auto started = app.start();
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_EQ(names("state.db.damaged-").size(), 1U);
  EXPECT_TRUE(app.stop());
}

INSTANTIATE_TEST_SUITE_P(Kinds, DamagedStateKinds, testing::ValuesIn(kDamages), [](const auto& damage) {
  std::string name = damage.param.first;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
});

TEST_F(AppTest, ADatabaseOfALaterVersionIsRefusedAndKept) {
  {
    App app(config_, log_);
    ASSERT_TRUE(app.start());
    EXPECT_TRUE(app.stop());
  }
  test::run_sql(config_.state_dir + "/state.db", "PRAGMA user_version=99");
  App app(config_, log_);
  const auto started = app.start();
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find("version 99"), std::string::npos) << started.error().message;
  EXPECT_TRUE(app.stop());
  EXPECT_TRUE(std::filesystem::exists(config_.state_dir + "/state.db"));
}

TEST_F(AppTest, FilesOfTheStateAreItsOwnersAlone) {
  const mode_t before = ::umask(0);
  App app(config_, log_);
  const auto started = app.start();
  ask(post_text("/v1/jobs", json{{"targets", {dir_ / "a.dat"}}, {"workload", {{"direct", false}}}}.dump()));
  ::umask(before);
  ASSERT_TRUE(started);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(config_.state_dir)) {
    struct stat st {};
    ASSERT_EQ(::stat(entry.path().c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777U, 0600U) << entry.path();
    ++files;
  }
  EXPECT_EQ(files, 4U);  // database, log, index of the log, lock
  EXPECT_TRUE(app.stop());
}

TEST_F(AppTest, StopWithoutAStartIsNothing) {
  EXPECT_TRUE(App(config_, log_).stop());
}

}  // namespace
}  // namespace spliced::daemon
