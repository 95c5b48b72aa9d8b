// SPDX-License-Identifier: Apache-2.0
#include "request_parser.h"

#include <fmt/format.h>
#include <httplib.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "head_guard.h"
#include "host_name.h"

namespace spliced::http {
namespace {

// Gives the library the head to read. What it would answer goes nowhere: answers are written elsewhere, bounded.
class HeadStream final : public httplib::Stream {
 public:
  explicit HeadStream(std::string_view head) : left_(head) {}
  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* data, std::size_t size) override {
    const std::size_t n = std::min(size, left_.size());
    std::memcpy(data, left_.data(), n);
    left_.remove_prefix(n);
    return static_cast<ssize_t>(n);
  }
  ssize_t write(const char*, std::size_t size) override { return static_cast<ssize_t>(size); }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  ::socket_t socket() const override { return INVALID_SOCKET; }

 private:
  std::string_view left_;
};

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// As forms are sent (WHATWG URL, 5.1): a plus is a space, and what is no percent-encoding stays as it is.
std::string decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool encoded =
        text[i] == '%' && i + 2 < text.size() && digit_of(text[i + 1]) >= 0 && digit_of(text[i + 2]) >= 0;
    if (encoded) {
      out += static_cast<char>(digit_of(text[i + 1]) * 16 + digit_of(text[i + 2]));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::multimap<std::string, std::string> parse_query(std::string_view query) {
  std::multimap<std::string, std::string> out;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    if (pair.empty()) continue;
    const auto equals = std::min(pair.find('='), pair.size());
    out.emplace(decode(pair.substr(0, equals)), decode(pair.substr(std::min(equals + 1, pair.size()))));
  }
  return out;
}

}  // namespace

class RequestParser::Library final : public httplib::Server {
 public:
  Library() {
    // The library comes here when it has read the head, before it looks for a body or a route of its own.
    set_pre_routing_handler([this](const httplib::Request& in, httplib::Response&) {
      request_.emplace();
      request_->method = in.method;
      request_->path = in.path;
      request_->query = {in.params.begin(), in.params.end()};
      request_->content_type = in.get_header_value("Content-Type");
      return HandlerResponse::Handled;
    });
  }
  std::optional<Request> parse(std::string_view head) {
    request_.reset();
    HeadStream stream(head);
    bool closed = false;
    try {
      process_request(stream, true, closed, nullptr);
    } catch (const std::exception&) {  // what the library cannot make sense of
      return std::nullopt;
    }
    return std::exchange(request_, std::nullopt);
  }

 private:
  std::optional<Request> request_;
};

RequestParser::RequestParser() : library_(std::make_unique<Library>()) {}
RequestParser::~RequestParser() = default;

// The library has a limit of its own for each line, takes queries apart in a way of its own, and has no notion of
// targets in absolute form: it is given the path alone.
std::optional<Request> RequestParser::parse(std::string_view head) {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const auto space = line.find(' ');
  const auto end = line.rfind(' ');
  if (space == line.npos || end <= space) return std::nullopt;
  const std::string_view target = split_target(line.substr(space + 1, end - space - 1)).path;
  const auto mark = std::min(target.find('?'), target.size());
  const std::string_view path = mark == 0 ? "/" : target.substr(0, mark);
  auto request = library_->parse(fmt::format("{} {} HTTP/1.1\r\n\r\n", line.substr(0, space), path));
  if (!request) return request;
  if (mark < target.size()) request->query = parse_query(target.substr(mark + 1));
  request->content_type = header_value(head, "content-type");
  return request;
}

}  // namespace spliced::http
