// SPDX-License-Identifier: Apache-2.0
#include "cli/contexts.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cli/client.h"

namespace spliced::cli {
namespace {

class ContextsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "spliced-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
    path_ = dir_ + "/deep/down/splicectl.json";
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::string refusal(const std::string& text) {
    std::filesystem::create_directories(dir_ + "/deep/down");
    std::ofstream(path_, std::ios::trunc) << text;
    const auto read = read_contexts(path_);
    EXPECT_FALSE(read) << text;
    return read ? "" : read.error().message;
  }
  std::string dir_, path_;
};

TEST_F(ContextsTest, WhatIsWrittenIsRead) {
  EXPECT_TRUE(read_contexts(path_)->known.empty()) << "a file that is not there has none";
  Contexts contexts;
  contexts.current = "lab \"1\"";
  contexts.known["lab \"1\""] = {"https://lab:8650", "/token", "/ca", "/cert", "/key"};
  contexts.known["here"] = {"unix:/run/x.sock", "", "", "", ""};
  ASSERT_TRUE(write_contexts(path_, contexts));
  struct stat st {};
  ASSERT_EQ(::stat(path_.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600U);
  const auto read = read_contexts(path_);
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
  EXPECT_FALSE(read_contexts(dir_)) << "a directory";
  EXPECT_FALSE(read_contexts(path_ + "/below a file")->known.contains("a"));
}

TEST_F(ContextsTest, CompletesWhatWasGiven) {
  Contexts contexts;
  contexts.current = "lab";
  contexts.known["lab"] = {"https://lab:8650", "/lab-token", "/ca", "", ""};
  contexts.known["here"] = {"unix:/here", "", "", "", ""};
  EXPECT_EQ(complete({}, "", contexts)->server, "https://lab:8650");
  EXPECT_EQ(complete({}, "", contexts)->token_file, "/lab-token");
  EXPECT_EQ(complete({}, "here", contexts)->server, "unix:/here");
  EXPECT_EQ(complete({}, "here", contexts)->token_file, "");
  EXPECT_EQ(complete({"", "/mine", "", "", ""}, "lab", contexts)->token_file, "/mine");
  EXPECT_EQ(complete({"", "/mine", "", "", ""}, "", contexts)->cacert, "/ca");
  const auto elsewhere = complete({"https://other", "", "", "", ""}, "", contexts);
  EXPECT_EQ(elsewhere->token_file, "") << "no other server sees the token";
  EXPECT_EQ(elsewhere->cacert, "");
  EXPECT_EQ(complete({"https://other", "", "", "", ""}, "lab", contexts)->token_file, "/lab-token")
      << "as was asked for";
  EXPECT_EQ(complete({}, "", {})->server, kDefaultServer);
  const auto unknown = complete({}, "nowhere", contexts);
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("known are here, lab"), std::string::npos) << unknown.error().message;
}

TEST_F(ContextsTest, LiesWhereTheUserSays) {
  for (const char* name : {"SPLICECTL_CONFIG", "XDG_CONFIG_HOME", "HOME"}) ::unsetenv(name);
  EXPECT_EQ(contexts_path(), "");
  EXPECT_FALSE(write_contexts("", {}));
  ::setenv("HOME", "/home/x", 1);
  EXPECT_EQ(contexts_path(), "/home/x/.config/spliced/splicectl.json");
  ::setenv("XDG_CONFIG_HOME", "/xdg", 1);
  EXPECT_EQ(contexts_path(), "/xdg/spliced/splicectl.json");
  ::setenv("SPLICECTL_CONFIG", "/mine.json", 1);
  EXPECT_EQ(contexts_path(), "/mine.json");
  ::unsetenv("SPLICECTL_CONFIG");
  ::unsetenv("XDG_CONFIG_HOME");
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
