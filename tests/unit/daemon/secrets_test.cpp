// SPDX-License-Identifier: Apache-2.0
#include "daemon/secrets.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "unit/http/certificates.h"

namespace spliced::daemon {
namespace {

constexpr const char* kSecret = "0123456789abcdef";

class SecretsTest : public ::testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text, mode_t mode = 0600) {
    const std::string path = dir_ / name;
    std::ofstream(path, std::ios::trunc) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }
  void refuse(const std::vector<std::string>& parts) {
    const auto secrets = load_secrets(config_);
    ASSERT_FALSE(secrets) << parts.front();
    for (const auto& part : parts) {
      EXPECT_NE(secrets.error().message.find(part), std::string::npos) << secrets.error().message;
    }
    EXPECT_EQ(secrets.error().message.find(kSecret), std::string::npos) << "the token itself is told";
  }
  test::TempDir dir_;
  Config config_;
};

TEST_F(SecretsTest, NothingIsAskedForNothingIsRead) {
  const auto secrets = load_secrets(config_);
  ASSERT_TRUE(secrets);
  EXPECT_TRUE(secrets->tokens.empty());
  EXPECT_EQ(secrets->tls, nullptr);
  EXPECT_EQ(secrets->metrics_tls, nullptr);
}

TEST_F(SecretsTest, TokensAreRead) {
  config_.token_file = file("token", std::string(kSecret) + "\n", 0640);
  EXPECT_NE(load_secrets(config_)->tokens.find(kSecret), nullptr);
}

TEST_F(SecretsTest, FilesOpenToEverybodyAreRefused) {
  for (const mode_t mode : {0604U, 0602U, 0601U, 0777U}) {
    config_.token_file = file("token", kSecret, mode);
    refuse({"--token-file " + dir_ / "token", "open to everybody", "chmod o-rwx"});
  }
  config_.token_file.clear();
  const test::Identity own = test::Authority().issue();
  config_.tls = {file("cert", own.certificate, 0644), file("key", own.key, 0644), "", ""};
  refuse({"--tls-key " + dir_ / "key", "open to everybody"});
}

TEST_F(SecretsTest, WhatIsMissingOrNoFileIsNamed) {
  config_.token_file = dir_ / "missing";
  refuse({"--token-file " + dir_ / "missing", "No such file"});
  config_.token_file = dir_.path();
  refuse({"--token-file " + dir_.path(), "no regular file"});
  config_.token_file = file("short", "short\n");
  refuse({"--token-file " + dir_ / "short", "16"});
  config_.token_file = file("lines", std::string("ci run ") + kSecret + "\n");
  refuse({"--token-file " + dir_ / "lines", "line 1"});
}

TEST_F(SecretsTest, CertificatesAndKeysAreReadTogether) {
  const test::Authority authority;
  const test::Identity own = authority.issue();
  const std::string ca = file("ca", authority.certificate(), 0644);
  config_.tls = {file("cert", own.certificate, 0644), file("key", own.key), ca, file("crl", authority.revoke(3))};
  config_.metrics_tls = {config_.tls.cert, config_.tls.key, "", ""};
  const auto secrets = load_secrets(config_);
  ASSERT_TRUE(secrets) << secrets.error().message;
  EXPECT_NE(secrets->tls, nullptr);
  EXPECT_NE(secrets->metrics_tls, nullptr);
  config_.metrics_tls.key = file("other", authority.issue().key);
  refuse({"--metrics-tls-key " + dir_ / "other", "not that of the certificate"});
  config_.metrics_tls = {};
  config_.tls.client_ca = file("empty", "");
  refuse({"--tls-client-ca " + dir_ / "empty", "is empty"});
  config_.tls.client_ca = dir_ / "gone";
  refuse({"--tls-client-ca " + dir_ / "gone", "No such file"});
}

}  // namespace
}  // namespace spliced::daemon
