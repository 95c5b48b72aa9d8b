// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "daemon/config.h"

namespace spliced::daemon {
namespace {

using Texts = std::vector<std::string>;

tl::expected<CommandLine, int> parse(Texts arguments) {
  arguments.insert(arguments.begin(), "spliced");
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  return parse_command_line(static_cast<int>(arguments.size()), argv.data());
}

// The exit code of arguments that are refused, with what is said on stderr.
std::pair<int, std::string> refusal(const Texts& arguments) {
  testing::internal::CaptureStderr();
  const auto parsed = parse(arguments);
  const std::string said = testing::internal::GetCapturedStderr();
  return {parsed ? -1 : parsed.error(), said};
}

TEST(CommandLine, NothingGivenLeavesEverythingOpen) {
  const auto line = parse({});
  ASSERT_TRUE(line);
  EXPECT_FALSE(line->config_file);
  EXPECT_FALSE(line->listen);
  EXPECT_FALSE(line->allow);
  EXPECT_FALSE(line->metrics_listen);
  EXPECT_FALSE(line->state_dir);
  EXPECT_FALSE(line->token_file);
  EXPECT_FALSE(line->bus);
  EXPECT_FALSE(line->log_level);
  EXPECT_FALSE(line->insecure_no_auth.value_or(false));
  EXPECT_FALSE(line->check_config);
  EXPECT_FALSE(line->version);
}

// A value here would win over the file.
TEST(CommandLine, SwitchThatIsNotGivenIsLeftToTheFile) {
  EXPECT_FALSE(parse({})->insecure_no_auth.has_value());
}

TEST(CommandLine, ReadsEveryFlag) {
  const auto line = parse({"--config", "/c.json", "--check-config", "--listen", "unix:/s", "--metrics-listen", "none",
                           "--state-dir=/state", "--allow", "/dev/sd*", "--token-file", "/t", "--insecure-no-auth",
                           "--bus", "session", "--log-level", "debug", "--version"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->config_file, "/c.json");
  EXPECT_TRUE(line->check_config);
  EXPECT_EQ(line->listen, Texts{"unix:/s"});
  EXPECT_EQ(line->metrics_listen, "none");
  EXPECT_EQ(line->state_dir, "/state");
  EXPECT_EQ(line->allow, Texts{"/dev/sd*"});
  EXPECT_EQ(line->token_file, "/t");
  EXPECT_EQ(line->insecure_no_auth, true);
  EXPECT_EQ(line->bus, "session");
  EXPECT_EQ(line->log_level, "debug");
  EXPECT_TRUE(line->version);
}

TEST(CommandLine, SomeFlagsRepeat) {
  const auto line = parse({"--allow", "/a", "--listen", "unix:/1", "--allow", "/b", "--listen", "unix:/2"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->allow, (Texts{"/a", "/b"}));
  EXPECT_EQ(line->listen, (Texts{"unix:/1", "unix:/2"}));
}

TEST(CommandLine, UnknownFlagsAreNamed) {
  for (const char* flag : {"--alow", "--state_dir", "-x", "word"}) {
    const auto [code, said] = refusal({flag});
    EXPECT_EQ(code, 2) << flag;
    EXPECT_NE(said.find(flag), std::string::npos) << said;
  }
}

TEST(CommandLine, RepeatableFlagsTakeOneValueAtATime) {
  const auto [code, said] = refusal({"--allow", "/a", "/b"});
  EXPECT_EQ(code, 2);
  EXPECT_NE(said.find("/b"), std::string::npos) << said;
}

TEST(CommandLine, FlagWithoutItsValueIsNamed) {
  const auto [code, said] = refusal({"--state-dir"});
  EXPECT_EQ(code, 2);
  EXPECT_NE(said.find("--state-dir"), std::string::npos) << said;
}

TEST(CommandLine, HelpEndsWellAndNamesEveryFlag) {
  testing::internal::CaptureStdout();
  const auto parsed = parse({"--help"});
  const std::string help = testing::internal::GetCapturedStdout();
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error(), 0);
  for (const char* flag : {"--config", "--check-config", "--listen", "--metrics-listen", "--state-dir", "--allow",
                           "--token-file", "--insecure-no-auth", "--bus", "--log-level", "--version"}) {
    EXPECT_NE(help.find(flag), std::string::npos) << flag;
  }
}

}  // namespace
}  // namespace spliced::daemon
