#include "http/connection.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <thread>

#include "raw_client.h"

namespace spliced::http {
namespace {

using test::receive_all;
using test::send_text;

constexpr util::Nanos kSoon = util::kSecond / 20;
constexpr util::Nanos kLater = 60 * util::kSecond;

util::Nanos now() {
  return util::system_clock().now();
}

class ConnectionTest : public testing::Test {
 protected:
  void SetUp() override {
    int ends[2] = {-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    peer_.reset(ends[0]);
    connection_ = std::make_unique<Connection>(ends[1], stop_.get());
  }
  void stop() {
    const std::uint64_t one = 1;
    ASSERT_EQ(::write(stop_.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
  }

  util::UniqueFd peer_;
  util::UniqueFd stop_{::eventfd(0, EFD_CLOEXEC)};
  std::unique_ptr<Connection> connection_;
  char buffer_[64] = {};
};

TEST_F(ConnectionTest, ReadsWhatIsThere) {
  send_text(peer_, "hello");
  EXPECT_EQ(connection_->read(buffer_, sizeof buffer_, now() + kLater), 5);
  EXPECT_EQ(std::string(buffer_, 5), "hello");
}

TEST_F(ConnectionTest, ReadsNoMoreThanWasAskedFor) {
  send_text(peer_, "hello");
  EXPECT_EQ(connection_->read(buffer_, 2, now() + kLater), 2);
  EXPECT_EQ(connection_->read(buffer_, sizeof buffer_, now() + kLater), 3);
}

TEST_F(ConnectionTest, EndOfStreamIsZero) {
  peer_.reset();
  EXPECT_EQ(connection_->read(buffer_, sizeof buffer_, now() + kLater), 0);
}

TEST_F(ConnectionTest, SilentPeerEndsAtTheDeadline) {
  const util::Nanos deadline = now() + kSoon;
  EXPECT_EQ(connection_->read(buffer_, sizeof buffer_, deadline), -1);
  EXPECT_GE(now(), deadline);
  EXPECT_LT(now(), deadline + 10 * util::kSecond);
}

TEST_F(ConnectionTest, OneByteBuysNoMoreTime) {
  const util::Nanos deadline = now() + kSoon;
  send_text(peer_, "x");
  EXPECT_EQ(connection_->read(buffer_, sizeof buffer_, deadline), 1);
  EXPECT_EQ(connection_->read(buffer_, sizeof buffer_, deadline), -1);
  EXPECT_GE(now(), deadline);
  EXPECT_LT(now(), deadline + 10 * util::kSecond);
}

TEST_F(ConnectionTest, DeadlineInThePastWaitsForNothing) {
  EXPECT_EQ(connection_->read(buffer_, sizeof buffer_, now() - 1), -1);
}

TEST_F(ConnectionTest, StopEndsAWait) {
  const util::Nanos begun = now();
  std::jthread other([this] { stop(); });
  EXPECT_EQ(connection_->read(buffer_, sizeof buffer_, begun + kLater), -1);
  EXPECT_LT(now(), begun + kLater / 2);
}

TEST_F(ConnectionTest, WritesAllOfItToASlowReader) {
  const std::string text(8 << 20, 'w');
  std::string received;
  std::jthread reader([&] { received = receive_all(peer_); });
  EXPECT_TRUE(connection_->write(text, now() + kLater));
  connection_.reset();
  reader.join();
  EXPECT_TRUE(received == text);
}

TEST_F(ConnectionTest, ReaderThatTakesNothingEndsAtTheDeadline) {
  EXPECT_FALSE(connection_->write(std::string(8 << 20, 'w'), now() + kSoon));
}

TEST_F(ConnectionTest, WritingToAClosedPeerFailsWithoutASignal) {
  peer_.reset();
  EXPECT_FALSE(connection_->write("x", now() + kLater));
}

TEST_F(ConnectionTest, LingerTellsTheEndAndDrains) {
  send_text(peer_, std::string(100'000, 'x'));
  ::shutdown(peer_.get(), SHUT_WR);
  connection_->linger();
  EXPECT_EQ(receive_all(peer_), "");
  EXPECT_EQ(connection_->read(buffer_, sizeof buffer_, now() + kLater), 0);
}

TEST_F(ConnectionTest, LingerIsBoundedInBytes) {
  constexpr std::size_t plenty = 64 << 20;
  std::atomic<std::size_t> sent{0};
  std::jthread flood([&] {
    const std::string chunk(1 << 20, 'x');
    while (sent<plenty&& ::send(peer_.get(), chunk.data(), chunk.size(), MSG_NOSIGNAL)> 0) sent += chunk.size();
  });
  connection_->linger();
  connection_.reset();
  flood.join();
  EXPECT_LT(sent, plenty);
}

TEST_F(ConnectionTest, StopEndsALinger) {
  stop();
  const util::Nanos begun = now();
  connection_->linger();
  EXPECT_LT(now() - begun, util::kSecond / 4);
}

}  // namespace
}  // namespace spliced::http
