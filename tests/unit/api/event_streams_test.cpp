// SPDX-License-Identifier: Apache-2.0
#include "api/event_streams.h"

#include "http/feed.h"
#include "unit/job/service_fixture.h"

namespace spliced::api {
namespace {

struct EventStreamsTest : testing::ServiceFixture {
  EventStreamsTest() {
    start(null_engines());
    EXPECT_TRUE(service->restore());
  }
  [[nodiscard]] bool was_told(const std::string& id) const {
    const auto page = service->recent_events(0, job::kNoLimit, id);
    return std::any_of(page.events.begin(), page.events.end(),
                       [](auto& one) { return one.kind == job::EventKind::stage; });
  }
  static std::size_t count(const std::string& text, const std::string& part) {
    std::size_t out = 0;
    for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++out;
    return out;
  }
  const std::string file = dir.file("file", 64 * 1024);
};

// Neither lost between what was and what is, nor told twice.
TEST_F(EventStreamsTest, WhatHappensWhileTheStoreIsReadIsToldOnce) {
  EventStreams streams(*service);
  http::Request request;
  request.fields["last-event-id"] = "0";
  const http::Response response = streams.open(request, "");
  ASSERT_EQ(response.status, 200);
  std::string id;
  store.after_events = [&] {
    if (!id.empty()) return;
    id = submit(testing::endless({file}));
    EXPECT_TRUE(testing::await([&] { return was_told(id); }));
  };
  std::string text;
  while (response.more(text)) continue;
  EXPECT_TRUE(service->cancel(id, access::itself()));
  ASSERT_TRUE(testing::await([&] {
    text += response.feed->take().text;
    return count(text, "CANCELLED") > 0;
  }));
  EXPECT_EQ(count(text, "event: state\n"), 3U) << text;
  EXPECT_EQ(count(text, "event: stage\n"), 1U) << text;
}

TEST_F(EventStreamsTest, AClientThatSawTheEndNeedNotComeAgain) {
  EventStreams streams(*service);
  const std::string id = run(testing::reading({file})).id;
  const auto is_over = [&] {
    const auto page = service->recent_events(0, job::kNoLimit, id);
    return !page.events.empty() && page.events.back().state == job::State::succeeded;
  };
  ASSERT_TRUE(testing::await(is_over));
  http::Request request;
  const auto last = service->recent_events(0, job::kNoLimit, id).events.back().id;
  request.fields["last-event-id"] = std::to_string(last);
  EXPECT_EQ(streams.open(request, id).status, 204);
  request.fields["last-event-id"] = std::to_string(last - 1);
  const http::Response response = streams.open(request, id);
  std::string text;
  while (response.more(text)) continue;
  EXPECT_EQ(count(text, "event: state\n"), 1U) << text;
  EXPECT_TRUE(response.feed->take().ended);
}

}  // namespace
}  // namespace spliced::api
