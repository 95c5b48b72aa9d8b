#include "daemon/token.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "unit/http/raw_client.h"

namespace spliced::daemon {
namespace {

constexpr const char* kSecret = "0123456789abcdef";  // as short as may be

class TokenTest : public ::testing::Test {
 protected:
  util::Status load(const std::string& text, mode_t mode = 0600) {
    const std::string path = dir_ / "token";
    std::ofstream(path, std::ios::trunc) << text;
    ::chmod(path.c_str(), mode);
    return token_.load(path);
  }
  test::TempDir dir_;
  Token token_;
};

TEST_F(TokenTest, MatchesTheBearerAlone) {
  ASSERT_TRUE(load(kSecret + std::string("\n")));
  for (const char* scheme : {"Bearer ", "bearer ", "BEARER "})
    EXPECT_TRUE(token_.matches(scheme + std::string(kSecret)));
  for (const std::string& given :
       {std::string(), std::string("Bearer "), std::string(kSecret), std::string("Basic ") + kSecret,
        std::string("Bearer ") + kSecret + "0", std::string("Bearer 0123456789abcde"),
        std::string("Bearer 0123456789abcdeF"), std::string("Bearer  ") + kSecret, std::string(100'000, 'x'),
        std::string("Bearer ") + kSecret + std::string(1, '\0')}) {
    EXPECT_FALSE(token_.matches(given)) << given.substr(0, 50);
  }
}

TEST_F(TokenTest, OnlyTheFirstLineCounts) {
  ASSERT_TRUE(load(kSecret + std::string("\nsecond line\n")));
  EXPECT_TRUE(token_.matches(std::string("Bearer ") + kSecret));
}

TEST_F(TokenTest, NothingMatchesBeforeATokenIsLoaded) {
  EXPECT_FALSE(token_.matches(""));
  EXPECT_FALSE(token_.matches("Bearer "));
}

TEST_F(TokenTest, ShortTokensAreRefused) {
  for (const char* text : {"", "\n", "0123456789abcde\n", "\n0123456789abcdef\n"}) {
    const auto status = load(text);
    ASSERT_FALSE(status) << text;
    EXPECT_NE(status.error().message.find("16"), std::string::npos);
    EXPECT_EQ(status.error().message.find("0123456789"), std::string::npos) << "the token itself is told";
  }
}

TEST_F(TokenTest, FilesOpenToEverybodyAreRefused) {
  for (const mode_t mode : {0604U, 0602U, 0601U, 0777U}) {
    const auto status = load(kSecret, mode);
    ASSERT_FALSE(status) << mode;
    EXPECT_NE(status.error().message.find(dir_ / "token"), std::string::npos);
  }
  EXPECT_TRUE(load(kSecret, 0640));
}

TEST_F(TokenTest, MissingFileIsNamed) {
  const auto status = token_.load(dir_ / "missing");
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find(dir_ / "missing"), std::string::npos);
  ::chmod(dir_.path().c_str(), 0700);
  EXPECT_FALSE(token_.load(dir_.path()));
}

TEST_F(TokenTest, RefusedFileLeavesTheOldToken) {
  ASSERT_TRUE(load(kSecret));
  ASSERT_FALSE(load("short"));
  EXPECT_TRUE(token_.matches(std::string("Bearer ") + kSecret));
  ASSERT_TRUE(load("another-token-of-20"));
  EXPECT_FALSE(token_.matches(std::string("Bearer ") + kSecret));
  EXPECT_TRUE(token_.matches("Bearer another-token-of-20"));
}

}  // namespace
}  // namespace spliced::daemon
