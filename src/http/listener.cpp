#include "listener.h"

#include <fmt/format.h>
#include <grp.h>
#include <httplib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "head_guard.h"
#include "pool.h"
#include "spliced/util/threads.h"

namespace spliced::http {

using util::Nanos;

namespace {

constexpr int kBacklog = 1024;  // listen(2), which caps it at net.core.somaxconn

Nanos now() {
  return util::system_clock().now();
}

// Known methods only: a label must not be the client's choice.
std::string_view method_label(std::string_view method) {
  for (const std::string_view known : {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"}) {
    if (method == known) return known;
  }
  return "other";
}

std::string serialize(const Response& response) {
  std::string text =
      fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n", response.status,
                  status_title(response.status), response.content_type, response.body.size());
  for (const auto& [name, value] : response.headers) text += fmt::format("{}: {}\r\n", name, value);
  return text + "\r\n" + response.body;
}

// What the HTTP library reads from and writes to: the head that was checked already, then the socket.
class GuardedStream final : public httplib::Stream {
 public:
  GuardedStream(Connection& connection, std::string head, Nanos deadline)
      : connection_(connection), head_(std::move(head)), deadline_(deadline) {}
  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* data, std::size_t size) override {
    if (taken_ == head_.size()) return connection_.read(data, size, deadline_);
    const std::size_t n = std::min(size, head_.size() - taken_);
    std::memcpy(data, head_.data() + taken_, n);
    taken_ += n;
    return static_cast<ssize_t>(n);
  }
  ssize_t write(const char* data, std::size_t size) override {
    if (write_deadline_ == 0) write_deadline_ = now() + kResponseTime;
    return connection_.write(data, size, write_deadline_) ? static_cast<ssize_t>(size) : -1;
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  ::socket_t socket() const override { return connection_.fd(); }

 private:
  Connection& connection_;
  const std::string head_;
  const Nanos deadline_;
  Nanos write_deadline_ = 0;
  std::size_t taken_ = 0;
};

class Server final : public httplib::Server {
 public:
  Server(const ListenerConfig& config, const Router& router, Observer& observer, util::Logger& log)
      : config_(config), router_(router), observer_(observer), log_(log), stop_fd_(::eventfd(0, EFD_CLOEXEC)) {
    new_task_queue = [this] { return new BoundedPool(config_.name, config_.threads, config_.queue_limit); };
    set_keep_alive_max_count(1);
    // The library's default lets a second daemon listen on the same port and take a part of the clients.
    set_socket_options([](::socket_t socket) {
      const int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    set_pre_routing_handler([this](const httplib::Request& in, httplib::Response& out) {
      return route_early(in, out) ? HandlerResponse::Handled : HandlerResponse::Unhandled;
    });
    const auto with_body = [this](const httplib::Request& in, httplib::Response& out,
                                  const httplib::ContentReader& reader) { answer(in, out, &reader); };
    Post(".*", with_body);
    Put(".*", with_body);
    Patch(".*", with_body);
    Delete(".*", [this](const httplib::Request& in, httplib::Response& out) { answer(in, out, nullptr); });
    Get(".*", [this](const httplib::Request& in, httplib::Response& out) { answer(in, out, nullptr); });
    Options(".*", [this](const httplib::Request& in, httplib::Response& out) { answer(in, out, nullptr); });
    set_exception_handler([this](const httplib::Request& in, httplib::Response& out, std::exception_ptr) {
      log_.log(util::LogLevel::error, fmt::format("{} {}: a handler threw", in.method, in.path));
      fill(out, problem(500, "an internal error; the log of the daemon says more"));
    });
    set_error_handler([](const httplib::Request&, httplib::Response& out) {
      if (out.body.empty()) fill(out, problem(out.status, "the request is not valid HTTP"));
    });
    set_logger([this](const httplib::Request& in, const httplib::Response& out) {
      const double seconds = static_cast<double>(now() - begun()) / 1e9;
      observer_.on_request(handler(), method_label(in.method), out.status, seconds);
    });
  }

  // The library's backlog of 5 turns clients of a busy moment away.
  [[nodiscard]] bool deepen_backlog() { return ::listen(svr_sock_, kBacklog) == 0; }

  void end_waits() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto put = ::write(stop_fd_.get(), &one, sizeof one);
  }

 private:
  // Per request, on the thread that serves it.
  static Nanos& begun() {
    thread_local Nanos value = 0;
    return value;
  }
  static std::string& handler() {
    thread_local std::string value;
    return value;
  }

  // As it was sent: the library decodes percent signs.
  static std::string& authorization() {
    thread_local std::string value;
    return value;
  }

  static void fill(httplib::Response& out, const Response& response) {
    out.status = response.status;
    for (const auto& [name, value] : response.headers) out.set_header(name.c_str(), value);
    if (!response.more) return out.set_content(response.body, response.content_type.c_str());
    out.set_chunked_content_provider(response.content_type.c_str(),
                                     [more = response.more](std::size_t, httplib::DataSink& sink) {
                                       try {
                                         std::string piece;
                                         const bool any_left = more(piece);
                                         const bool sent = piece.empty() || sink.write(piece.data(), piece.size());
                                         if (!any_left) sink.done();
                                         return sent;
                                       } catch (const std::exception&) {
                                         return false;
                                       }
                                     });
  }

  bool process_and_close_socket(::socket_t socket) override {
    Connection connection(socket, stop_fd_.get());
    begun() = now();
    handler() = "none";
    if (BoundedPool::turning_away()) {
      Response refusal = problem(503, "too many connections are waiting");
      refusal.headers.emplace_back("Retry-After", "1");
      refuse(connection, "other", refusal);
      return false;
    }
    Head head;
    const Nanos deadline = begun() + kRequestTime;
    if (auto refusal = read_head(connection, deadline, head)) {
      refuse(connection, method_label(head.method), std::move(*refusal));
      connection.linger();
      return false;
    }
    if (head.bytes.empty()) return false;
    authorization() = header_value(std::string_view(head.bytes).substr(0, head.length), "authorization");
    GuardedStream stream(connection, std::move(head.bytes), deadline);
    bool closed = false;
    const bool good = process_request(stream, true, closed, nullptr);
    connection.linger();
    return good;
  }

  void refuse(Connection& connection, std::string_view method, const Response& response) {
    [[maybe_unused]] const bool sent = connection.write(serialize(response), now() + util::kSecond);
    observer_.on_request("none", method, response.status, static_cast<double>(now() - begun()) / 1e9);
  }

  // Before any of the body is read. true: answered.
  bool route_early(const httplib::Request& in, httplib::Response& out) {
    if (config_.authorize && !config_.authorize(authorization())) {
      Response refusal = problem(401, "a valid bearer token is needed: Authorization: Bearer TOKEN");
      refusal.headers.emplace_back("WWW-Authenticate", "Bearer");
      fill(out, refusal);
      return true;
    }
    Response refusal;
    std::map<std::string, std::string> values;
    const Route* route = router_.match(in.method, in.path, values, refusal);
    if (route == nullptr) {
      fill(out, refusal);
      return true;
    }
    handler() = route->path;
    return false;
  }

  void answer(const httplib::Request& in, httplib::Response& out, const httplib::ContentReader* reader) {
    Request request{in.method, in.path, {in.params.begin(), in.params.end()}, {}, in.get_header_value("Content-Type"),
                    {}};
    Response refusal;
    const Route* route = router_.match(in.method, in.path, request.path_values, refusal);
    if (route == nullptr) return fill(out, refusal);
    // Without a length there is no body, where the library would read until the peer closes.
    const bool has_body = reader != nullptr && in.has_header("Content-Length");
    if (has_body && !read_body(*reader, request.body)) {
      return fill(out, problem(request.body.size() > kMaxBodyBytes ? 413 : 408, "the body did not arrive whole"));
    }
    fill(out, route->handler(request));
  }

  // The length was checked with the head; the count holds whatever the library makes of it.
  static bool read_body(const httplib::ContentReader& reader, std::string& body) {
    return reader([&](const char* data, std::size_t size) {
      body.append(data, size);
      return body.size() <= kMaxBodyBytes;
    });
  }

  const ListenerConfig config_;
  const Router& router_;
  Observer& observer_;
  util::Logger& log_;
  util::UniqueFd stop_fd_;
};

class ListenerImpl final : public Listener {
 public:
  ListenerImpl(const ListenerConfig& config, const Router& router, Observer& observer, util::Logger& log)
      : server_(config, router, observer, log), address_(config.address), group_(config.socket_group) {}
  ~ListenerImpl() override { ListenerImpl::stop(); }

  util::Status start() {
    if (auto status = address_.is_unix() ? bind_unix() : bind_tcp(); !status) return status;
    if (!server_.deepen_backlog()) return util::fail_errno(fmt::format("listen on {}", address_.text()), errno);
    thread_ = std::jthread([this] {
      util::name_this_thread("accept");
      util::prefer_this_thread();
      server_.listen_after_bind();
      ended_ = true;
    });
    while (!server_.is_running() && !ended_) std::this_thread::yield();
    return ended_ ? util::fail(util::Errc::system, fmt::format("listen on {} failed", address_.text()))
                  : util::Status();
  }
  bool running() const override { return server_.is_running() && !ended_; }
  Address address() const override { return address_; }
  void stop() override {
    if (!thread_.joinable()) return;
    server_.end_waits();
    server_.stop();
    thread_.join();
    if (address_.is_unix()) ::unlink(address_.unix_path.c_str());
  }

 private:
  util::Status bind_tcp() {
    errno = 0;
    const int port = address_.port == 0                                   ? server_.bind_to_any_port(address_.host)
                     : server_.bind_to_port(address_.host, address_.port) ? address_.port
                                                                          : -1;
    if (port < 0)
      return util::fail_errno(fmt::format("listen on {}", address_.text()), errno != 0 ? errno : EADDRINUSE);
    address_.port = port;
    return {};
  }

  util::Status bind_unix() {
    const std::string& path = address_.unix_path;
    if (auto status = remove_stale_socket(path); !status) return status;
    server_.set_address_family(AF_UNIX);
    const mode_t before = ::umask(0117);  // 0660 from the first moment on
    errno = 0;
    const bool bound = server_.bind_to_port(path, 80);
    const int error = errno;
    ::umask(before);
    if (!bound) return util::fail_errno(fmt::format("listen on {}", address_.text()), error != 0 ? error : EADDRINUSE);
    if (group_.empty()) return {};
    const group* entry = ::getgrnam(group_.c_str());
    if (entry != nullptr && ::chown(path.c_str(), static_cast<uid_t>(-1), entry->gr_gid) != 0) {
      return util::fail_errno(fmt::format("give {} to group {}", path, group_), errno);
    }
    return {};
  }

  // A socket that nobody answers on is left over; one that answers belongs to a daemon that runs.
  static util::Status remove_stale_socket(const std::string& path) {
    struct stat st {};
    if (::lstat(path.c_str(), &st) != 0) return {};
    if (!S_ISSOCK(st.st_mode)) return util::fail(util::Errc::conflict, fmt::format("{} exists and is no socket", path));
    const util::UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      return util::fail(util::Errc::conflict, fmt::format("another daemon answers on {}", path));
    }
    ::unlink(path.c_str());
    return {};
  }

  Server server_;
  Address address_;
  const std::string group_;
  std::atomic<bool> ended_{false};
  std::jthread thread_;
};

}  // namespace

util::Result<std::unique_ptr<Listener>> Listener::open(const ListenerConfig& config, const Router& router,
                                                       Observer& observer, util::Logger& log) {
  auto listener = std::make_unique<ListenerImpl>(config, router, observer, log);
  if (auto status = listener->start(); !status) return tl::unexpected(status.error());
  return listener;
}

}  // namespace spliced::http
