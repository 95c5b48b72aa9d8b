// SPDX-License-Identifier: Apache-2.0
#include "daemon/notifier.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "unit/http/raw_client.h"

namespace spliced::daemon {
namespace {

class NotifierTest : public ::testing::Test {
 protected:
  NotifierTest() {
    address_.sun_family = AF_UNIX;
    const std::string path = dir_ / "notify";
    std::memcpy(address_.sun_path, path.c_str(), path.size() + 1);
    EXPECT_EQ(::bind(receiver_.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof address_), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~NotifierTest() override { ::unsetenv("NOTIFY_SOCKET"); }
  std::vector<std::string> received() {
    std::vector<std::string> out;
    char text[4096];
    for (ssize_t n = 0; (n = ::recv(receiver_.get(), text, sizeof text, 0)) >= 0;) {
      out.emplace_back(text, static_cast<std::size_t>(n));
    }
    return out;
  }
  // Messages until the receiver's queue is full and well beyond.
  static void fill(Notifier& notifier) {
    for (int i = 0; i < 5000; ++i) notifier.tick("STATUS=fill");
  }

  test::TempDir dir_;
  util::UniqueFd receiver_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  sockaddr_un address_{};
};

TEST_F(NotifierTest, SaysWhatItIsTold) {
  Notifier notifier;
  notifier.state("READY=1");
  notifier.tick("STATUS=idle");
  EXPECT_EQ(received(), (std::vector<std::string>{"READY=1", "STATUS=idle"}));
}

TEST_F(NotifierTest, AFullReceiverHoldsNobodyUpAndGetsTheStatesLater) {
  Notifier notifier;
  fill(notifier);
  notifier.state("RELOADING=1");
  notifier.state("READY=1");
  notifier.tick("STATUS=left out");
  for (const auto& text : received()) EXPECT_EQ(text, "STATUS=fill");
  notifier.tick("STATUS=now");
  EXPECT_EQ(received(), (std::vector<std::string>{"RELOADING=1", "READY=1", "STATUS=now"}));
}

TEST_F(NotifierTest, OfManyStatesTheNewestAreKept) {
  Notifier notifier;
  fill(notifier);
  for (int i = 0; i < 100; ++i) notifier.state(std::to_string(i));
  received();
  std::vector<std::string> texts;
  for (int i = 0; i < 100 && (texts.empty() || texts.back() != "tick");
       ++i) {  // as many fit at once as the kernel likes
    notifier.tick("tick");
    for (auto& text : received()) texts.push_back(std::move(text));
  }
  std::erase(texts, "tick");
  ASSERT_EQ(texts.size(), 16U);
  EXPECT_EQ(texts[0], "84");
  EXPECT_EQ(texts[15], "99");
}

TEST_F(NotifierTest, WithoutAReceiverNothingHappens) {
  for (const char* where : {"", "relative", "/", "/no/such/socket"}) {
    ::setenv("NOTIFY_SOCKET", where, 1);
    Notifier notifier;
    notifier.state("READY=1");
    notifier.tick("STATUS=idle");
  }
  ::unsetenv("NOTIFY_SOCKET");
  Notifier().state("READY=1");
  EXPECT_TRUE(received().empty());
}

}  // namespace
}  // namespace spliced::daemon
