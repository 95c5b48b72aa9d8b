// SPDX-License-Identifier: Apache-2.0
#include "cli/contexts.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cli/client.h"
#include "unit/device/temp_dir.h"

namespace spliced::cli {
namespace {

class ContextsTest : public ::testing::Test {
 protected:
  std::string refusal(const std::string& text) {
    std::filesystem::create_directories(dir_ + "/deep/down");
    std::ofstream(path_, std::ios::trunc) << text;
    const auto read = read_contexts({path_, false});
    EXPECT_FALSE(read) << text;
    return read ? "" : read.error().message;
  }
  testing::TempDir temporary_;
  const std::string dir_ = temporary_.path();
  const std::string path_ = dir_ + "/deep/down/splicectl.json";
};

TEST_F(ContextsTest, WhatIsWrittenIsRead) {
  EXPECT_TRUE(read_contexts({path_, false})->known.empty()) << "a file that is not there has none";
  Contexts contexts;
  contexts.current = "lab \"1\"";
  contexts.known["lab \"1\""] = {"https://lab:8650", "/token", "/ca", "/cert", "/key"};
  contexts.known["here"] = {"unix:/run/x.sock", "", "", "", ""};
  ASSERT_TRUE(write_contexts(path_, contexts));
  struct stat st {};
  ASSERT_EQ(::stat(path_.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600U);
  const auto read = read_contexts({path_, false});
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->current, contexts.current);
  ASSERT_EQ(read->known.size(), 2U);
  for (const auto& [name, member] : kTargetMembers) {
    for (const auto& [key, target] : contexts.known) EXPECT_EQ(read->known.at(key).*member, target.*member) << name;
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir_ + "/deep/down"), {}), 1) << "no temporary file";
}

TEST_F(ContextsTest, WhatIsWrongIsNamed) {
  const std::pair<const char*, const char*> wrong[] = {
      {"", "a JSON object"},
      {"[]", "a JSON object"},
      {R"({"context": {}})", "\"context\": current_context"},
      {R"({"current_context": 1})", "\"current_context\": current_context"},
      {R"({"current_context": "x"})", "current_context \"x\" is not among"},
      {R"({"contexts": {"a": 1}})", "context \"a\": an object"},
      {R"({"contexts": {"a": {}}})", "context \"a\": \"server\" is missing"},
      {R"({"contexts": {"a": {"server": 1}}})", "context \"a\": \"server\" is a string"},
      {R"({"contexts": {"a": {"server": "unix:/x", "token": "s"}}})", "context \"a\": there is no key \"token\""},
  };
  for (const auto& [text, part] : wrong) {
    const std::string said = refusal(text);
    EXPECT_NE(said.find(part), std::string::npos) << text << ": " << said;
    EXPECT_NE(said.find(path_), std::string::npos) << said;
  }
  EXPECT_FALSE(read_contexts({dir_, false})) << "a directory";
  EXPECT_FALSE(read_contexts({path_ + "/below a file", false})->known.contains("a"));
}

class ChooseTest : public ::testing::Test {
 protected:
  ChooseTest() {
    contexts_.current = "lab";
    contexts_.known["lab"] = {"https://lab", "/lab-token", "/ca", "", ""};
    contexts_.known["here"] = {"unix:/here", "", "", "", ""};
  }
  static Asked asked(const std::string& server, const std::string& token = "", const std::string& context = "") {
    return {{server, token, "", "", ""}, context};
  }
  // "server token", or what is wrong.
  std::string choose_from(const Asked& flags, const Asked& environment = {}) {
    const auto target = choose(flags, environment, contexts_);
    return target ? target->server + " " + target->token_file : target.error().message;
  }
  Contexts contexts_;
};

TEST_F(ChooseTest, AContextIsTheServerAndWhatIsMeantForIt) {
  EXPECT_EQ(choose_from({}), "https://lab /lab-token");
  EXPECT_EQ(choose_from(asked("", "", "here")), "unix:/here ");
  EXPECT_EQ(choose_from(asked("", "/mine", "lab")), "https://lab /mine");
  EXPECT_EQ(choose_from(asked("", "/mine")), "https://lab /mine");
  EXPECT_EQ(choose_from({}, asked("", "", "here")), "unix:/here ");
  EXPECT_EQ(choose_from(asked("", "", "nowhere")), "context \"nowhere\" is not known; known are here, lab");
  contexts_.current.clear();
  EXPECT_EQ(choose_from({}), std::string(kDefaultServer) + " ");
  EXPECT_EQ(choose_from(asked("", "/mine")), std::string(kDefaultServer) + " /mine");
}

TEST_F(ChooseTest, NoServerSeesWhatAnotherIsMeantTo) {
  EXPECT_EQ(choose_from(asked("https://other")), "https://other ");
  EXPECT_EQ(choose_from(asked("https://other"), asked("", "", "lab")), "https://other ");
  EXPECT_EQ(choose_from(asked("https://other"), asked("https://lab", "/variable")), "https://other ");
  EXPECT_EQ(choose_from(asked("", "", "lab"), asked("https://other", "/variable")), "https://lab /lab-token");
  EXPECT_EQ(choose_from(asked("", "", "here"), asked("", "/variable")), "unix:/here ");
  EXPECT_EQ(choose_from({}, asked("", "/variable")), "https://lab /lab-token");
  EXPECT_EQ(choose_from({}, asked("https://other", "/variable")), "https://other /variable");
  EXPECT_EQ(choose_from({}, asked("https://other")), "https://other ");
  EXPECT_EQ(choose_from(asked("https://other"), asked("", "/variable")), "https://other /variable") << "meant for any";
}

TEST_F(ChooseTest, AServerAndAContextAtOnePlaceAreTwoServers) {
  EXPECT_NE(choose_from(asked("https://other", "", "lab")).find("--server and --context each name a server"),
            std::string::npos);
  EXPECT_NE(choose_from({}, asked("https://other", "", "lab")).find("SPLICED_SERVER and SPLICED_CONTEXT"),
            std::string::npos);
}

TEST_F(ContextsTest, LiesWhereTheUserSays) {
  for (const char* name : {"SPLICECTL_CONFIG", "XDG_CONFIG_HOME", "HOME"}) ::unsetenv(name);
  EXPECT_EQ(contexts_file().path, "");
  EXPECT_FALSE(write_contexts("", {}));
  ::setenv("HOME", "/home/x", 1);
  EXPECT_EQ(contexts_file().path, "/home/x/.config/spliced/splicectl.json");
  ::setenv("XDG_CONFIG_HOME", "/xdg", 1);
  EXPECT_EQ(contexts_file().path, "/xdg/spliced/splicectl.json");
  EXPECT_FALSE(contexts_file().named);
  ::setenv("SPLICECTL_CONFIG", "/mine.json", 1);
  EXPECT_EQ(contexts_file().path, "/mine.json");
  EXPECT_TRUE(contexts_file().named);
  ::unsetenv("SPLICECTL_CONFIG");
  ::unsetenv("XDG_CONFIG_HOME");
}

TEST_F(ContextsTest, ANamedFileHasToBeThere) {
  EXPECT_FALSE(read_contexts({path_, true}));
}

TEST_F(ContextsTest, ATokenDoesNotCrossTheNetworkInClearText) {
  std::ofstream(dir_ + "/token") << "a-token";
  for (const char* server :
       {"http://lab:8650", "http://10.0.0.1", "http://localhost.example", "http://127.evil.example"}) {
    const auto made = Client::create({server, dir_ + "/token", "", "", ""});
    ASSERT_FALSE(made) << server;
    EXPECT_NE(made.error().message.find("in clear text"), std::string::npos) << made.error().message;
    EXPECT_TRUE(Client::create({server, "", "", "", ""})) << server;
  }
  for (const char* server : {"http://localhost:1", "http://127.0.0.1:8650", "http://[::1]:1", "https://lab"})
    EXPECT_TRUE(Client::create({server, dir_ + "/token", "", "", ""})) << server;
}

TEST_F(ContextsTest, WhatTlsNeedsIsThereAndForHttpsAlone) {
  const std::string file = dir_ + "/file";
  std::ofstream(file) << "x";
  const std::pair<Target, const char*> wrong[] = {
      {{"http://h:1", "", file, "", ""}, "are for https://"},
      {{"unix:/x", "", "", file, file}, "are for https://"},
      {{"https://h:1", "", "", file, ""}, "--cert and --key are given together"},
      {{"https://h:1", "", "", "", file}, "--cert and --key are given together"},
      {{"https://h:1", "", dir_ + "/gone", "", ""}, "/gone: cannot be read"},
      {{"https://h:1", "", "", file, file}, "not a certificate and its key"},
      {{"https://h:1", dir_ + "/gone", "", "", ""}, "--token-file"},
      {{"https://h:0", "", "", "", ""}, "is expected"},
      {{"https://user@h:1", "", "", "", ""}, "is expected"},
      {{"ftp://h:1", "", "", "", ""}, "is expected"},
  };
  for (const auto& [target, part] : wrong) {
    const auto made = Client::create(target);
    ASSERT_FALSE(made) << part;
    EXPECT_NE(made.error().message.find(part), std::string::npos) << made.error().message;
  }
  for (const char* server : {"https://h", "https://h:8650/", "https://[::1]:8650"})
    EXPECT_TRUE(Client::create({server, "", "", "", ""})) << server;
}

}  // namespace
}  // namespace spliced::cli
