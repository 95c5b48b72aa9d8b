// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "http/listener.h"
#include "raw_client.h"
#include "spliced/util/clock.h"

namespace spliced::http {

// Remembers what was told of each request.
class Witness final : public Observer {
 public:
  void on_request(std::string_view handler, std::string_view method, int status, double seconds) override {
    const std::lock_guard lock(mutex_);
    EXPECT_GE(seconds, 0);
    seen_.push_back(std::string(handler) + " " + std::string(method) + " " + std::to_string(status));
    more_.notify_all();
  }
  // The first `count`, as soon as there are so many: an answer is sent before it is told of.
  std::vector<std::string> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    more_.wait_for(lock, std::chrono::seconds(30), [&] { return seen_.size() >= count; });
    return seen_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable more_;
  std::vector<std::string> seen_;
};

class ListenerTest : public ::testing::Test {
 protected:
  ListenerTest() {
    router_.add({"GET",
                 "/hello/{name}",
                 [](const Request& request) {
                   Response response;
                   response.headers.emplace_back("Peer", request.peer);
                   response.body = "hello " + request.path_values.at("name") + request.query_value("mark");
                   return response;
                 },
                 {"mark"}});
    router_.add({"POST", "/echo", [this](const Request& request) {
                   ++echoes_;
                   Response response;
                   response.status = 201;
                   response.content_type = "text/plain";
                   response.headers.emplace_back("Location", "/echo/1");
                   response.body = request.content_type + "|" + request.body;
                   return response;
                 }});
    router_.add({"DELETE", "/echo", [](const Request&) {
                   Response response;
                   response.status = 204;
                   return response;
                 }});
    router_.add(
        {"GET", "/throws", [](const Request&) -> Response { throw std::runtime_error("the secret of the handler"); }});
    router_.add({"GET", "/long", [](const Request&) {
                   Response response;
                   response.body = std::string(100'000, 'x');
                   return response;
                 }});
  }

  static Address unix_address(const test::TempDir& dir) {
    Address address;
    address.unix_path = dir / "s.sock";
    return address;
  }
  static Address tcp_address() {
    Address address;
    address.host = "127.0.0.1";
    return address;
  }
  util::Result<std::unique_ptr<Listener>> open(ListenerConfig config) {
    if (config.name.empty()) config.name = "test";
    return Listener::open(config, router_, witness_, log_);
  }
  // On a Unix socket in dir_, unless an address is given.
  void serve(ListenerConfig config = {}) {
    if (config.address.host.empty()) config.address = unix_address(dir_);
    auto opened = open(config);
    ASSERT_TRUE(opened) << opened.error().message;
    listener_ = std::move(*opened);
  }
  void serve_tcp() {
    ListenerConfig config;
    config.address = tcp_address();
    serve(config);
  }
  test::Reply ask(const std::string& request) { return test::exchange(listener_->address(), request); }
  // Asks, and expects an RFC 9457 answer with that status.
  test::Reply refuse(int status, const std::string& request) {
    test::Reply reply = ask(request);
    EXPECT_EQ(reply.status, status) << request.substr(0, 100);
    EXPECT_EQ(reply.header("content-type"), "application/problem+json");
    const auto body = nlohmann::json::parse(reply.body, nullptr, false);
    EXPECT_TRUE(body.is_object() && body.value("status", 0) == status) << reply.body;
    return reply;
  }

  test::TempDir dir_;
  Router router_;
  Witness witness_;
  util::NullLogger log_;
  std::atomic<int> echoes_{0};
  std::unique_ptr<Listener> listener_;
};

}  // namespace spliced::http
