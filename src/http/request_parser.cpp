#include "request_parser.h"

#include <fmt/format.h>
#include <httplib.h>

#include <cstring>

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

}  // namespace

class RequestParser::Library final : public httplib::Server {
 public:
  Library() {
    // The library comes here when it has read the head, before it looks for a body or a route of its own.
    set_pre_routing_handler([this](const httplib::Request& in, httplib::Response&) {
      request_ =
          Request{in.method, in.path, {in.params.begin(), in.params.end()}, {}, in.get_header_value("Content-Type"), {},
                  {},        {}};
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

// The library has a limit of its own for each line and no notion of targets in absolute form: it is given what is read
// from it, and no more.
std::optional<Request> RequestParser::parse(std::string_view head) {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const auto space = line.find(' ');
  const auto end = line.rfind(' ');
  if (space == line.npos || end <= space) return std::nullopt;
  std::string_view path = split_target(line.substr(space + 1, end - space - 1)).path;
  path = path.substr(0, path.find('#'));
  const bool rootless = path.starts_with('?');
  std::string reduced = fmt::format("{} {}{} HTTP/1.1\r\n", line.substr(0, space), rootless ? "/" : "", path);
  const std::string type = header_value(head, "content-type");
  if (!type.empty()) reduced += fmt::format("Content-Type: {}\r\n", type);
  return library_->parse(reduced + "\r\n");
}

}  // namespace spliced::http
