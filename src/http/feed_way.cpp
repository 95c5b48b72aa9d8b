// SPDX-License-Identifier: Apache-2.0
// The way of an answer that comes as things happen, through the event loop.
#include <sys/epoll.h>

#include <utility>
#include <vector>

#include "event_loop.h"
#include "feed.h"

namespace spliced::http {

constexpr std::size_t kUntaken = 64 * 1024;  // unsent bytes above which nothing is added

// What has happened since, once all that was to come before it has been made. false: the reader takes nothing, or too
// little.
bool EventLoop::take_news(Connection& connection) {
  if (connection.stream || connection.unsent() > kUntaken) return true;
  Feed::News news = connection.feed->take();
  if (news.dropped) return false;
  if (!news.text.empty()) connection.send_later(frame(std::move(news.text), connection.form));
  if (news.ended) {
    std::exchange(connection.feed, nullptr)->close();
    connection.send_later(std::string(final_frame(connection.form)));
    set_answer_deadline(connection);
  }
  return connection.flush();
}

// Whoever has something to take has so long to take any of it; whoever has not waits as long as they like.
void EventLoop::await_news(Connection& connection, std::size_t unsent_before) {
  if (connection.unsent() == 0) {
    deadlines_.clear(connection.id);
  } else if (connection.unsent() < unsent_before || deadlines_.of(connection.id) == 0) {
    set_answer_deadline(connection);
  }
  if (connection.unsent() > 0) return set_interest(connection, EPOLLOUT);
  set_interest(connection, connection.peer_finished ? 0U : EPOLLRDHUP);
}

// A TCP peer that is gone looks like one that has only finished sending, until it gets something: then it resets.
void EventLoop::on_reader_finished(Connection& connection) {
  connection.peer_finished = true;
  connection.send_later(frame(connection.feed->nothing(), connection.form));
  send(connection);
}

// What they have is sent; what would come is not waited for.
void EventLoop::end_feeds() {
  feeds_ended_ = true;
  std::vector<std::uint64_t> fed;
  for (const auto& entry : connections_) {
    if (entry.second->feed) fed.push_back(entry.first);
  }
  for (const std::uint64_t id : fed) {
    find(id)->feed->end();
    send(*find(id));
  }
}

}  // namespace spliced::http
