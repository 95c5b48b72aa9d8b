#include "daemon/app.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "daemon/run.h"
#include "spliced/util/threads.h"
#include "unit/http/raw_client.h"

namespace spliced::daemon {
namespace {

using nlohmann::json;
using test::get_text;
using test::post_text;

class AppTest : public testing::Test {
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

TEST_F(AppTest, ServesRunsAJobAndStops) {
  App app(config_, "", log_);
  const auto started = app.start();
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_TRUE(app.healthy());
  for (const char* path : {"/livez", "/readyz", "/metrics", "/openapi.yaml", "/v1/version", "/v1/jobs"}) {
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
    App app(config_, "", log_);
    ASSERT_TRUE(app.start());
    const json job = {{"name", "before"}, {"targets", {dir_ / "a.dat"}}, {"workload", {{"direct", false}}}};
    location = ask(post_text("/v1/jobs", job.dump())).header("location");
    ask(get_text(location + "?wait=60s"));
    EXPECT_TRUE(app.stop());
  }
  App app(config_, "", log_);
  ASSERT_TRUE(app.start());
  const json job = json::parse(ask(get_text(location)).body);
  EXPECT_EQ(job.at("name"), "before");
  EXPECT_EQ(job.at("state"), "SUCCEEDED");
  EXPECT_EQ(job.at("devices")[0].at("io").at("read").at("bytes"), 65536);
  EXPECT_TRUE(app.stop());
}

TEST_F(AppTest, TwoDaemonsDoNotShareAStateDirectory) {
  App first(config_, "", log_);
  ASSERT_TRUE(first.start());
  Config other = config_;
  other.listen[0].unix_path = dir_ / "run/other.sock";
  App second(other, "", log_);
  const auto status = second.start();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, util::Errc::conflict);
  EXPECT_TRUE(second.stop());
  EXPECT_TRUE(first.stop());
}

TEST_F(AppTest, ReloadChangesWhatMayBeUsed) {
  App app(config_, "", log_);
  ASSERT_TRUE(app.start());
  const std::string request =
      post_text("/v1/jobs", json{{"targets", {dir_ / "a.dat"}}, {"workload", {{"direct", false}}}}.dump());
  app.reload(util::fail(util::Errc::invalid, "a broken file"));
  EXPECT_EQ(ask(request).status, 201);
  Config next = config_;
  next.allow.clear();
  app.reload(next);
  EXPECT_EQ(ask(request).status, 409);
  EXPECT_TRUE(app.stop());
}

TEST_F(AppTest, BadTokenFileIsFoundBeforeTheStart) {
  EXPECT_TRUE(check(config_));
  write_token("short");
  EXPECT_FALSE(check(config_));
  EXPECT_FALSE(App(config_, "", log_).start());
  write_token("long enough for a token");
  EXPECT_TRUE(check(config_));
}

TEST_F(AppTest, StopWithoutAStartIsNothing) {
  EXPECT_TRUE(App(config_, "", log_).stop());
}

}  // namespace
}  // namespace spliced::daemon
