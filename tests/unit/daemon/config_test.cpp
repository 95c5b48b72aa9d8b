// SPDX-License-Identifier: Apache-2.0
#include "daemon/config.h"

#include <gtest/gtest.h>

#include <fstream>

#include "unit/http/raw_client.h"

namespace spliced::daemon {
namespace {

using Texts = std::vector<std::string>;

class ConfigTest : public ::testing::Test {
 protected:
  ConfigTest() {
    ::unsetenv("STATE_DIRECTORY");
    ::unsetenv("CREDENTIALS_DIRECTORY");
  }
  void file(const std::string& text) {
    line_.config_file = dir_ / "spliced.json";
    std::ofstream(*line_.config_file) << text;
  }
  Config load() {
    auto config = load_config(line_, dir_ / "no default");
    if (config) return std::move(*config);
    ADD_FAILURE() << config.error().message;
    return {};
  }
  // Expects a refusal whose message has every one of `parts`.
  void refuse(const Texts& parts) {
    const auto config = load_config(line_);
    ASSERT_FALSE(config) << parts.front();
    EXPECT_EQ(config.error().code, util::Errc::invalid);
    for (const auto& part : parts) {
      EXPECT_NE(config.error().message.find(part), std::string::npos) << config.error().message;
    }
  }

  test::TempDir dir_;
  CommandLine line_;
};

TEST_F(ConfigTest, DefaultsAreThoseOfTheContract) {
  const Config config = load();
  ASSERT_EQ(config.listen.size(), 1U);
  EXPECT_EQ(config.listen[0].text(), "unix:/run/spliced/spliced.sock");
  ASSERT_TRUE(config.metrics_listen);
  EXPECT_EQ(config.metrics_listen->text(), "127.0.0.1:9650");
  EXPECT_EQ(config.state_dir, "/var/lib/spliced");
  EXPECT_TRUE(config.allow.empty());
  EXPECT_EQ(config.token_file, "");
  EXPECT_FALSE(config.insecure_no_auth);
  EXPECT_EQ(config.bus, "system");
  EXPECT_EQ(config.log_level, util::LogLevel::info);
}

TEST_F(ConfigTest, OfSeveralStateDirectoriesTheFirstIsOurs) {
  ::setenv("STATE_DIRECTORY", "/var/lib/other:/var/lib/other/scratch", 1);
  EXPECT_EQ(load().state_dir, "/var/lib/other");
  ::unsetenv("STATE_DIRECTORY");
}

TEST_F(ConfigTest, WithoutAFileNamedTheDefaultOneIsReadIfItIsThere) {
  const std::string otherwise = dir_ / "default.json";
  auto config = load_config({}, otherwise);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->file, "");
  std::ofstream(otherwise) << R"({"allow": ["/default"]})";
  config = load_config({}, otherwise);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->file, otherwise);
  EXPECT_EQ(config->allow, Texts{"/default"});
  file(R"({"allow": ["/named"]})");
  config = load_config(line_, otherwise);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->file, *line_.config_file);
  EXPECT_EQ(config->allow, Texts{"/named"});
  std::ofstream(otherwise) << "{";
  EXPECT_FALSE(load_config({}, otherwise));
}

TEST_F(ConfigTest, ADefaultFileThatCannotBeLookedAtIsNoMissingOne) {
  std::filesystem::create_symlink(dir_ / "loop", dir_ / "loop");
  const auto config = load_config({}, dir_ / "loop");
  ASSERT_FALSE(config);
  EXPECT_NE(config.error().message.find(dir_ / "loop"), std::string::npos);
}

TEST_F(ConfigTest, SystemdSaysWhereTheStateIs) {
  ::setenv("STATE_DIRECTORY", "/var/lib/other", 1);
  EXPECT_EQ(load().state_dir, "/var/lib/other");
  line_.state_dir = "/mine";
  EXPECT_EQ(load().state_dir, "/mine");
  ::unsetenv("STATE_DIRECTORY");
}

TEST_F(ConfigTest, FileIsReadWithComments) {
  file(R"({
    // where clients come
    "listen": ["unix:/a.sock", "127.0.0.1:1"], /* and
    */ "metrics_listen": "[::1]:2", "state_dir": "/s", "allow": ["/dev/loop*"], "token_file": "/t",
    "insecure_no_auth": true, "bus": "none", "log_level": "warning"
  })");
  const Config config = load();
  ASSERT_EQ(config.listen.size(), 2U);
  EXPECT_EQ(config.listen[1].text(), "127.0.0.1:1");
  EXPECT_EQ(config.metrics_listen->text(), "[::1]:2");
  EXPECT_EQ(config.state_dir, "/s");
  EXPECT_EQ(config.allow, Texts{"/dev/loop*"});
  EXPECT_EQ(config.token_file, "/t");
  EXPECT_TRUE(config.insecure_no_auth);
  EXPECT_EQ(config.bus, "none");
  EXPECT_EQ(config.log_level, util::LogLevel::warning);
}

TEST_F(ConfigTest, FlagsWinOverTheFile) {
  file(R"({"listen": ["unix:/file"], "metrics_listen": "127.0.0.1:1", "state_dir": "/file", "allow": ["/file"],
           "bus": "none", "log_level": "debug"})");
  line_.listen = Texts{"unix:/flag"};
  line_.metrics_listen = "none";
  line_.state_dir = "/flag";
  line_.allow = Texts{"/flag"};
  line_.bus = "session";
  const Config config = load();
  ASSERT_EQ(config.listen.size(), 1U);
  EXPECT_EQ(config.listen[0].text(), "unix:/flag");
  EXPECT_FALSE(config.metrics_listen);
  EXPECT_EQ(config.state_dir, "/flag");
  EXPECT_EQ(config.allow, Texts{"/flag"});
  EXPECT_EQ(config.bus, "session");
  EXPECT_EQ(config.log_level, util::LogLevel::debug);  // only the file has it
}

TEST_F(ConfigTest, UnknownKeysAreNamed) {
  for (const char* key : {"alow", "state-dir", "Listen", "config", ""}) {
    file(std::string("{\"") + key + "\": 1}");
    refuse({std::string("\"") + key + "\"", *line_.config_file, "log_level"});
  }
}

TEST_F(ConfigTest, WrongTypesNameKeyAndFile) {
  const std::pair<const char*, const char*> wrong[] = {{"listen", "\"unix:/a\""},
                                                       {"listen", "[1]"},
                                                       {"listen", "null"},
                                                       {"allow", "{}"},
                                                       {"metrics_listen", "9650"},
                                                       {"state_dir", "[]"},
                                                       {"token_file", "false"},
                                                       {"bus", "1"},
                                                       {"log_level", "7"},
                                                       {"insecure_no_auth", "1"},
                                                       {"insecure_no_auth", "\"true\""}};
  for (const auto& [key, value] : wrong) {
    file(std::string("{\"") + key + "\": " + value + "}");
    refuse({std::string("\"") + key + "\"", *line_.config_file});
  }
}

TEST_F(ConfigTest, FileThatIsNoObjectOrNoJsonIsRefused) {
  for (const char* text : {"", "[]", "5", "{", "{,}", "{\"bus\": \"none\"} x", "{\"bus\": \"\xff\"}"}) {
    file(text);
    refuse({*line_.config_file});
  }
}

TEST_F(ConfigTest, AKeyThatIsGivenTwiceIsRefused) {
  file(R"({"allow": ["/a"], "bus": "none", /* which? */ "allow": ["/b"]})");
  refuse({*line_.config_file, "/allow", "given twice"});
}

TEST_F(ConfigTest, PatternsHaveWholeBrackets) {
  for (const char* good :
       {"/a\\[b", "/[!a]", "/[^a]b", "/[]a]", "/[!]a]", "/[a][b]", "/x[[:alpha:]]", "/\\\\[a]", "/a]"}) {
    line_.allow = Texts{good};
    EXPECT_EQ(load().allow, Texts{good});
  }
  for (const char* bad : {"/a[", "/[]", "/[!]x", "/a[b/c[d]", "/[a]/[", "/\\\\["}) {
    line_.allow = Texts{bad};
    refuse({bad});
  }
}

TEST_F(ConfigTest, AnyFreePortMayBeAskedForTwice) {
  line_.insecure_no_auth = true;
  line_.listen = Texts{"127.0.0.1:0", "127.0.0.1:0"};
  EXPECT_EQ(load().listen.size(), 2U);
}

TEST_F(ConfigTest, FileThatIsMissingOrTooLargeIsRefused) {
  line_.config_file = dir_ / "missing.json";
  refuse({"missing.json"});
  file(std::string((1 << 20) + 1, ' '));
  refuse({"1 MiB"});
}

TEST_F(ConfigTest, FileThatIsADirectoryIsRefused) {
  line_.config_file = dir_.path();
  refuse({dir_.path()});
}

TEST_F(ConfigTest, NumbersBeyondADoubleAreAnErrorOfTheFile) {
  file(R"({"bus": 1e999})");
  refuse({*line_.config_file});
}

TEST_F(ConfigTest, TcpNeedsATokenOrClientCertificates) {
  for (const char* address : {"127.0.0.1:8650", "0.0.0.0:8650", "[::1]:8650"}) {
    line_ = {};
    line_.listen = Texts{address};
    refuse({address, "--token-file", "--tls-client-ca"});
    line_.tls_cert = "/cert";
    line_.tls_key = "/key";
    refuse({address, "--token-file", "--tls-client-ca"});
    line_.tls_client_ca = "/ca";
    EXPECT_EQ(load().listen[0].text(), address);
    line_.tls_client_ca.reset();
    line_.token_file = "/token";
    EXPECT_EQ(load().listen[0].text(), address);
  }
}

TEST_F(ConfigTest, ATokenInClearTextStaysOnTheMachine) {
  line_.token_file = "/token";
  for (const char* address : {"127.0.0.1:8650", "127.1.2.3:8650", "[::1]:8650"}) {
    line_.listen = Texts{address};
    EXPECT_EQ(load().listen[0].text(), address);
  }
  for (const char* address : {"0.0.0.0:8650", "[::]:8650", "192.168.1.1:8650"}) {
    line_.listen = Texts{"127.0.0.1:1", address};
    refuse({address, "clear text", "--tls-cert"});
  }
}

TEST_F(ConfigTest, WhatTlsNeedsIsGivenTogether) {
  const auto with = [this](std::vector<CommandLine::Text CommandLine::*> given, const Texts& parts) {
    line_ = {};
    for (const auto member : given) line_.*member = "/x";
    refuse(parts);
  };
  with({&CommandLine::tls_cert}, {"--tls-cert needs --tls-key"});
  with({&CommandLine::tls_key}, {"--tls-key needs --tls-cert"});
  with({&CommandLine::tls_client_ca}, {"--tls-client-ca needs --tls-cert"});
  with({&CommandLine::tls_cert, &CommandLine::tls_key, &CommandLine::tls_client_crl},
       {"--tls-client-crl needs --tls-client-ca"});
  with({&CommandLine::metrics_tls_cert}, {"--metrics-tls-cert needs --metrics-tls-key"});
  with({&CommandLine::metrics_tls_client_ca}, {"--metrics-tls-client-ca needs --metrics-tls-cert"});
  line_ = {};
  line_.tls_client = Texts{"DNS:a=run"};
  refuse({"--tls-client needs --tls-client-ca"});
}

TEST_F(ConfigTest, ClientsOfTlsHaveANameAndAScope) {
  file(R"({"tls_cert": "/c", "tls_key": "/k", "tls_client_ca": "/a", "tls_client": ["DNS:a=run", "URI:b://c=read"],
           "tls_min_version": "1.2", "read_group": "disk", "metrics_tls_cert": "/mc", "metrics_tls_key": "/mk"})");
  const Config config = load();
  ASSERT_EQ(config.tls_client.size(), 2U);
  EXPECT_EQ(config.tls_client[1].name, "URI:b://c");
  EXPECT_EQ(config.tls_client[1].scope, access::Scope::read);
  EXPECT_TRUE(config.allow_tls12);
  EXPECT_EQ(config.read_group, "disk");
  EXPECT_EQ(config.tls.client_ca, "/a");
  EXPECT_EQ(config.metrics_tls.key, "/mk");
  for (const char* wrong : {"DNS:a", "a=run", "DNS:a=all"}) {
    line_.tls_client = Texts{wrong};
    refuse({"--tls-client", wrong, "DNS:ops.example=run"});
  }
  line_.tls_client.reset();
  for (const char* wrong : {"1.1", "", "TLSv1.3"}) {
    line_.tls_min_version = wrong;
    refuse({"--tls-min-version", "1.2 or 1.3"});
  }
}

TEST_F(ConfigTest, WhatSystemdPutAsideIsTakenWhereNothingElseIsSaid) {
  ::setenv("CREDENTIALS_DIRECTORY", dir_.path().c_str(), 1);
  EXPECT_EQ(load().token_file, "");
  for (const char* name : {"tokens", "tls-cert", "tls-key", "tls-client-ca", "tls-client-crl"})
    std::ofstream(dir_ / ("spliced." + std::string(name))) << "x";
  Config config = load();
  EXPECT_EQ(config.token_file, dir_ / "spliced.tokens");
  EXPECT_EQ(config.tls.cert, dir_ / "spliced.tls-cert");
  EXPECT_EQ(config.tls.key, dir_ / "spliced.tls-key");
  EXPECT_EQ(config.tls.client_ca, dir_ / "spliced.tls-client-ca");
  EXPECT_EQ(config.tls.client_crl, dir_ / "spliced.tls-client-crl");
  line_.token_file = "/mine";
  EXPECT_EQ(load().token_file, "/mine");
  ::unsetenv("CREDENTIALS_DIRECTORY");
}

TEST_F(ConfigTest, WithoutATokenOnlyLoopbackAndOnlyOnRequest) {
  line_.insecure_no_auth = true;
  for (const char* address : {"127.0.0.1:8650", "[::1]:8650"}) {
    line_.listen = Texts{address};
    EXPECT_EQ(load().listen.size(), 1U);
  }
  for (const char* address : {"0.0.0.0:8650", "10.0.0.1:8650", "[::]:8650"}) {
    line_.listen = Texts{address};
    refuse({address});
    line_.listen = Texts{"127.0.0.1:1", address};
    refuse({address});
  }
}

TEST_F(ConfigTest, BadValuesNameTheirFlag) {
  const auto with = [this](auto member, auto value, const Texts& parts) {
    line_ = {};
    line_.*member = value;
    refuse(parts);
  };
  with(&CommandLine::listen, Texts{"localhost:80"}, {"--listen", "localhost:80"});
  with(&CommandLine::listen, Texts{"unix:relative"}, {"--listen", "unix:relative"});
  with(&CommandLine::metrics_listen, "9650", {"--metrics-listen", "9650"});
  with(&CommandLine::state_dir, "relative", {"--state-dir", "relative"});
  with(&CommandLine::state_dir, "", {"--state-dir"});
  with(&CommandLine::allow, Texts{"/good", "dev/sda"}, {"--allow", "dev/sda"});
  with(&CommandLine::allow, Texts{""}, {"--allow"});
  with(&CommandLine::allow, Texts{"/dev/sd[ab]", "/dev/sd["}, {"--allow", "/dev/sd["});
  with(&CommandLine::listen, Texts{"unix:/a", "unix:/b", "unix:/a"}, {"--listen", "unix:/a", "twice"});
  with(&CommandLine::bus, "user", {"--bus", "user"});
  with(&CommandLine::log_level, "loud", {"--log-level", "loud"});
}

TEST_F(ConfigTest, WhatIsKeptIsANumberInItsRange) {
  EXPECT_EQ(load().keep_jobs, 1000U);
  EXPECT_EQ(load().keep_days, 0U);
  file(R"({"keep_jobs": 1, "keep_days": 36500})");
  EXPECT_EQ(load().keep_jobs, 1U);
  EXPECT_EQ(load().keep_days, 36'500U);
  for (const char* wrong : {"0", "-1", "100001", "18446744073709551615", "1.5", "\"7\"", "null"}) {
    file(std::string(R"({"keep_jobs": )") + wrong + "}");
    refuse({"jobs", wrong});
  }
  file(R"({"keep_days": 36501})");
  refuse({"--keep-days 36501", "from 0 to 36500"});
  line_.keep_days = 3;
  EXPECT_EQ(load().keep_days, 3U);
}

TEST_F(ConfigTest, EveryLogLevelIsKnown) {
  const std::pair<const char*, util::LogLevel> levels[] = {{"error", util::LogLevel::error},
                                                           {"warning", util::LogLevel::warning},
                                                           {"notice", util::LogLevel::notice},
                                                           {"info", util::LogLevel::info},
                                                           {"debug", util::LogLevel::debug}};
  for (const auto& [name, level] : levels) {
    line_.log_level = name;
    EXPECT_EQ(load().log_level, level);
  }
}

}  // namespace
}  // namespace spliced::daemon
