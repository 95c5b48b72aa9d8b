// SPDX-License-Identifier: Apache-2.0
#include "cli/client.h"

#include <gtest/gtest.h>
#include <httplib.h>
#include <stdlib.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <thread>

#include "cli/commands.h"
#include "cli/program.h"

namespace spliced::cli {
namespace {

class ClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "spliced-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
    server_.Get("/v1/jobs/1", [](const httplib::Request&, httplib::Response& out) {
      out.set_content(R"({"id": "1", "state": "SUCCEEDED", "verdict": "PASS"})", "application/json");
    });
    server_.Get("/token", [](const httplib::Request& in, httplib::Response& out) {
      out.set_content(Json(in.get_header_value("Authorization")).dump(), "application/json");
    });
    server_.Get("/page",
                [](const httplib::Request&, httplib::Response& out) { out.set_content("<html>", "text/html"); });
    server_.Get("/closed", [](const httplib::Request&, httplib::Response& out) {
      out.status = 401;
      out.set_content("{}", "application/problem+json");
    });
    const auto create = [](const httplib::Request& in, httplib::Response& out) {
      out.status = in.body == "bad" ? 422 : 201;
      out.set_content(in.body == "bad" ? R"({"detail": "no", "errors": [{"pointer": "/name", "detail": "too long"}]})"
                                       : R"({"id": "1", "state": "RUNNING"})",
                      "application/json");
    };
    server_.Post("/v1/jobs", create);
    server_.Put(R"(/v1/jobs/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})",
                [create](const httplib::Request& in, httplib::Response& out) {
                  if (in.get_header_value("If-None-Match") == "*") return create(in, out);
                  out.status = 428;
                });
    server_.set_address_family(AF_UNIX);
    ASSERT_TRUE(server_.bind_to_port(dir_ + "/s.sock", 80));
    thread_ = std::jthread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  void TearDown() override {
    server_.stop();
    if (thread_.joinable()) thread_.join();
    std::filesystem::remove_all(dir_);
  }
  [[nodiscard]] std::string address() const { return "unix:" + dir_ + "/s.sock"; }
  Client client(const std::string& token = "") {
    std::ofstream(dir_ + "/token") << token;
    return std::move(*Client::create({address(), token.empty() ? "" : dir_ + "/token", "", "", ""}));
  }
  std::string file(const std::string& text) {
    std::ofstream(dir_ + "/job.json") << text;
    return dir_ + "/job.json";
  }
  // Exit code of splicectl, and what it printed.
  int call(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "splicectl");
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = program(static_cast<int>(arguments.size()), argv.data());
    std::fflush(stdout);
    out_ = testing::internal::GetCapturedStdout();
    err_ = testing::internal::GetCapturedStderr();
    return code;
  }

  std::string dir_, out_, err_;
  httplib::Server server_;
  std::jthread thread_;
};

TEST_F(ClientTest, GetsAndPosts) {
  Client c = client();
  const auto job = c.get("/v1/jobs/1");
  ASSERT_TRUE(job) << job.error().message;
  EXPECT_EQ(job->status, 200);
  EXPECT_EQ(job->body.at("verdict"), "PASS");
  const auto created = c.post("/v1/jobs", "{}");
  ASSERT_TRUE(created);
  EXPECT_EQ(created->status, 201);
}

TEST_F(ClientTest, SendsTheToken) {
  EXPECT_EQ(client("secret").get("/token")->body, "Bearer secret");
  EXPECT_EQ(client().get("/token")->body, "");
}

TEST_F(ClientTest, WhatIsNotSplicedIsNamed) {
  const auto page = client().get("/page");
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, util::Errc::unavailable);
  EXPECT_NE(page.error().message.find(address()), std::string::npos);
}

TEST_F(ClientTest, WithoutAValidTokenItIsRefused) {
  Client c = client();
  const auto closed = c.get("/closed");
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->status, 401);
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(refused({c}, *closed), kRefused);
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("--token-file"), std::string::npos);
}

TEST_F(ClientTest, NobodyThereIsUnavailable) {
  auto nobody = Client::create({"unix:" + dir_ + "/none.sock", "", "", "", ""});
  ASSERT_TRUE(nobody);
  const auto answer = nobody->get("/v1/jobs");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, util::Errc::unavailable);
  EXPECT_NE(answer.error().message.find("none.sock"), std::string::npos);
}

TEST_F(ClientTest, AddressesHaveThreeForms) {
  for (const char* server : {"", "localhost", "unix:relative", "https://", "ftp://x", "http://", "http://h:0",
                             "http://h:65536", "http://h:x", "http://h/path"}) {
    const auto made = Client::create({server, "", "", "", ""});
    ASSERT_FALSE(made) << server;
    EXPECT_EQ(made.error().code, util::Errc::invalid);
  }
  for (const char* server : {"http://127.0.0.1:8650", "http://localhost:8650/", "http://[::1]:8650", "http://host"}) {
    EXPECT_TRUE(Client::create({server, "", "", "", ""})) << server;
  }
}

Wanted in_file(const std::string& path) {
  Wanted out;
  out.words = {path};
  return out;
}

TEST_F(ClientTest, DefinitionsComeFromAFile) {
  EXPECT_EQ(*definition_of(in_file(file("{\"a\": 1}"))), "{\"a\": 1}");
  EXPECT_EQ(*definition_of(in_file(file(""))), "");
  const auto missing = definition_of(in_file(dir_ + "/missing.json"));
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("missing.json"), std::string::npos);
}

TEST_F(ClientTest, DefinitionThatIsADirectoryIsAnError) {
  EXPECT_NO_THROW(EXPECT_FALSE(definition_of(in_file(dir_))));
}

TEST_F(ClientTest, DefinitionsComeFromARecipeAndDevices) {
  Wanted wanted;
  wanted.recipe = "quick";
  wanted.words = {"/dev/sdb", "/dev/sdc"};
  wanted.settings = {"workers=3", "size=1G", "patterns=true", "label=a=b"};
  wanted.confirm = {"5000c500a1b2c3d4"};
  wanted.destructive = true;
  EXPECT_EQ(nlohmann::json::parse(*definition_of(wanted)),
            nlohmann::json::parse(R"({"recipe": "quick", "targets": ["/dev/sdb", "/dev/sdc"], "destructive": true,
                                      "parameters": {"workers": 3, "size": "1G", "patterns": true, "label": "a=b"},
                                      "confirm": ["5000c500a1b2c3d4"]})"));
  wanted.settings = {"workers"};
  EXPECT_FALSE(definition_of(wanted));
  Wanted two_files = in_file("a");
  two_files.words.push_back("b");
  EXPECT_FALSE(definition_of(two_files));
  Wanted both = in_file("a");
  both.destructive = true;
  EXPECT_FALSE(definition_of(both));
}

TEST_F(ClientTest, ProblemsAreToldWhole) {
  for (const char* command : {"submit", "run"}) {
    EXPECT_EQ(call({"--server", address(), command, file("bad")}), kRefused);
    EXPECT_NE(err_.find("no (422)"), std::string::npos) << err_;
    EXPECT_NE(err_.find("/name: too long"), std::string::npos) << err_;
    EXPECT_EQ(call({"--json", "--server", address(), command, file("bad")}), kRefused);
    EXPECT_EQ(Json::parse(out_).at("errors").at(0).at("pointer"), "/name") << out_;
  }
}

TEST_F(ClientTest, RefusalWithoutAnObjectIsSurvived) {
  Client c = client();
  for (const Json& body : {Json(nullptr), Json("text"), Json::array()}) {
    EXPECT_EQ(refused({c}, {503, body}), kRefused);
  }
}

TEST_F(ClientTest, TheReasonIsTold) {
  const auto told = [&](const std::string& server, const std::string& reason) {
    EXPECT_EQ(call({"--server", server, "list"}), kNoDaemon);
    EXPECT_NE(err_.find(reason), std::string::npos) << err_;
  };
  told("unix:" + dir_ + "/none.sock", "No such file");
  told("unix:" + file("{}"), "Connection refused");
  told("http://127.0.0.1:1/", "nobody listens there");
}

TEST_F(ClientTest, AnIdIsNoPartOfAPath) {
  EXPECT_EQ(call({"--server", address(), "show", "1?wait=3"}), kRefused);
  EXPECT_EQ(call({"--server", address(), "show", "../jobs/1"}), kRefused);
  EXPECT_EQ(call({"--server", address(), "show", ""}), kUsage);
}

TEST_F(ClientTest, AnUnknownCommandIsNamed) {
  EXPECT_EQ(call({"fly"}), kUsage);
  EXPECT_NE(err_.find("\"fly\""), std::string::npos) << err_;
  EXPECT_EQ(call({}), kUsage);
}

TEST_F(ClientTest, ExitCodesAreThoseOfTheManual) {
  EXPECT_EQ(call({"--server", address(), "show", "1"}), kPassed);
  EXPECT_NE(out_.find("verdict PASS"), std::string::npos) << out_;
  EXPECT_EQ(call({"--server", address(), "submit", file("{}")}), kPassed);
  EXPECT_EQ(out_, "1\n");
  EXPECT_EQ(call({"--server", address(), "submit", file("bad")}), kRefused);
  EXPECT_NE(err_.find("/name: too long"), std::string::npos) << err_;
  EXPECT_EQ(call({"--server", address(), "submit", dir_ + "/missing.json"}), kUsage);
  EXPECT_EQ(call({"--server", "unix:" + dir_ + "/none.sock", "list"}), kNoDaemon);
  EXPECT_EQ(call({"--server", "nonsense", "list"}), kUsage);
  EXPECT_EQ(call({"--token-file", dir_ + "/none", "list"}), kUsage);
  EXPECT_EQ(call({}), kUsage);
  EXPECT_EQ(call({"dance"}), kUsage);
  EXPECT_EQ(call({"show"}), kUsage);
  EXPECT_EQ(call({"--version"}), kPassed);
  EXPECT_TRUE(out_.starts_with("splicectl ")) << out_;
  EXPECT_EQ(call({"--help"}), kPassed);
}

TEST_F(ClientTest, RunSubmitsAndWaitsForTheVerdict) {
  EXPECT_EQ(call({"--server", address(), "run", file("{}")}), kPassed);
  EXPECT_NE(out_.find("SUCCEEDED, verdict PASS"), std::string::npos) << out_;
  EXPECT_EQ(call({"--server", address(), "run", "--json", file("{}")}), kPassed);
  EXPECT_EQ(Json::parse(out_).at("verdict"), "PASS");
  EXPECT_EQ(call({"--server", address(), "run", file("bad")}), kRefused);
}

TEST_F(ClientTest, JsonIsTheAnswerOfTheDaemon) {
  EXPECT_EQ(call({"--server", address(), "--json", "show", "1"}), kPassed);
  EXPECT_EQ(Json::parse(out_).at("state"), "SUCCEEDED");
}

}  // namespace
}  // namespace spliced::cli
