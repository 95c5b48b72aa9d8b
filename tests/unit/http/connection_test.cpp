// SPDX-License-Identifier: Apache-2.0
#include "http/connection.h"

#include <gtest/gtest.h>

#include <thread>

#include "raw_client.h"

namespace spliced::http {
namespace {

using test::receive_all;
using test::send_text;
using Input = Connection::Input;

class ConnectionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    int ends[2] = {-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    peer_.reset(ends[0]);
    connection_ = std::make_unique<Connection>(util::UniqueFd(ends[1]), 2, false, 1);
  }
  Input receive(std::size_t size) { return connection_->receive(buffer_, size, got_); }

  util::UniqueFd peer_;
  std::unique_ptr<Connection> connection_;
  char buffer_[64] = {};
  std::size_t got_ = 0;
};

TEST_F(ConnectionTest, ReceivesWhatIsThereAndNoMoreThanWasAskedFor) {
  send_text(peer_, "hello");
  EXPECT_EQ(receive(2), Input::some);
  EXPECT_EQ(std::string(buffer_, got_), "he");
  EXPECT_EQ(receive(sizeof buffer_), Input::some);
  EXPECT_EQ(std::string(buffer_, got_), "llo");
}

TEST_F(ConnectionTest, SilentPeerHoldsNobodyUp) {
  EXPECT_EQ(receive(sizeof buffer_), Input::nothing_yet);
  EXPECT_EQ(got_, 0U);
}

TEST_F(ConnectionTest, EndOfStreamIsTold) {
  peer_.reset();
  EXPECT_EQ(receive(sizeof buffer_), Input::end);
}

TEST_F(ConnectionTest, ResetIsTold) {
  connection_->send_later("unread");
  EXPECT_TRUE(connection_->flush());
  peer_.reset();
  EXPECT_EQ(receive(sizeof buffer_), Input::broken);
}

TEST_F(ConnectionTest, SendsAsMuchAsThePeerTakes) {
  const std::string text(8 << 20, 'w');
  connection_->send_later(text);
  EXPECT_TRUE(connection_->flush());
  EXPECT_GT(connection_->unsent(), 0U);
  EXPECT_LT(connection_->unsent(), text.size());
  std::string received;
  std::jthread reader([&] { received = receive_all(peer_); });
  while (connection_->unsent() > 0) ASSERT_TRUE(connection_->flush());
  connection_->finish_sending();
  reader.join();
  EXPECT_TRUE(received == text);
}

TEST_F(ConnectionTest, WhatIsSentLaterComesAfterWhatIsUnsent) {
  connection_->send_later("one ");
  connection_->send_later("two ");
  EXPECT_EQ(connection_->unsent(), 8U);
  EXPECT_TRUE(connection_->flush());
  connection_->send_later("three");
  EXPECT_TRUE(connection_->flush());
  EXPECT_EQ(connection_->unsent(), 0U);
  connection_->finish_sending();
  EXPECT_EQ(receive_all(peer_), "one two three");
}

TEST_F(ConnectionTest, SendingToAClosedPeerFailsWithoutASignal) {
  peer_.reset();
  connection_->send_later("x");
  EXPECT_FALSE(connection_->flush());
}

TEST_F(ConnectionTest, PeerMaySendAfterTheEndOfTheAnswer) {
  connection_->finish_sending();
  EXPECT_EQ(receive_all(peer_), "");
  send_text(peer_, "late");
  EXPECT_EQ(receive(sizeof buffer_), Input::some);
}

}  // namespace
}  // namespace spliced::http
