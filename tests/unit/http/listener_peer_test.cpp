// SPDX-License-Identifier: Apache-2.0
// Clients that hang up while their request is handled, and those that only finished sending.
#include "listener_fixture.h"

namespace spliced::http {
namespace {

using test::connect_to;
using test::get_text;
using test::parse_reply;
using test::receive_all;
using test::send_text;

class ListenerPeerTest : public ListenerTest, public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    router_.add({"GET", "/wait", [this](const Request& request) {
                   ++inside_;
                   EXPECT_TRUE(test::await([&] { return request.peer_gone() || enough_; }));
                   if (request.peer_gone()) ++gone_;
                   Response response;
                   response.body = "waited";
                   return response;
                 }});
    ListenerConfig config;
    config.address = GetParam() ? unix_address(dir_) : tcp_address();
    config.threads = 20;
    auto opened = open(config);
    ASSERT_TRUE(opened) << opened.error().message;
    listener_ = std::move(*opened);
  }
  void TearDown() override { enough_ = true; }
  util::UniqueFd wait() {
    util::UniqueFd client = connect_to(listener_->address());
    const int before = inside_;
    send_text(client, get_text("/wait"));
    EXPECT_TRUE(test::await([&] { return inside_ > before; }));
    return client;
  }

  std::atomic<int> inside_{0};
  std::atomic<int> gone_{0};
  std::atomic<bool> enough_{false};
};

TEST_P(ListenerPeerTest, ThoseThatHungUpAreGone) {
  std::vector<util::UniqueFd> clients;
  for (int i = 0; i < 16; ++i) clients.push_back(wait());
  EXPECT_EQ(gone_, 0);
  clients.clear();
  EXPECT_TRUE(test::await([&] { return gone_ == 16; }));
  const auto seen = witness_.wait_for(16);
  EXPECT_EQ(seen, std::vector<std::string>(16, "/wait GET 200"));
}

TEST_P(ListenerPeerTest, OneThatFinishedSendingGetsItsAnswer) {
  const auto client = wait();
  ::shutdown(client.get(), SHUT_WR);
  if (GetParam()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));  // in which nothing may happen
  } else {
    const std::string interim = "HTTP/1.1 102 Processing\r\n\r\n";
    EXPECT_EQ(test::receive_bytes(client, interim.size()), interim);
  }
  EXPECT_EQ(gone_, 0);
  enough_ = true;
  EXPECT_EQ(parse_reply(receive_all(client)).body, "waited");
}

TEST_P(ListenerPeerTest, QuickAnswersHaveNothingBeforeThem) {
  const auto client = connect_to(listener_->address());
  send_text(client, get_text("/hello/x"));
  ::shutdown(client.get(), SHUT_WR);
  EXPECT_TRUE(receive_all(client).starts_with("HTTP/1.1 200 "));
}

TEST_P(ListenerPeerTest, PatientOnesAreThere) {
  const auto client = wait();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // in which nothing may happen
  EXPECT_EQ(gone_, 0);
  enough_ = true;
  EXPECT_EQ(parse_reply(receive_all(client)).body, "waited");
}

INSTANTIATE_TEST_SUITE_P(Sockets, ListenerPeerTest, testing::Bool(),
                         [](const auto& param) { return param.param ? "Unix" : "Tcp"; });

}  // namespace
}  // namespace spliced::http
