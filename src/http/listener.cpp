// SPDX-License-Identifier: Apache-2.0
#include "listener.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <limits>
#include <optional>

#include "event_loop.h"
#include "pool.h"
#include "socket_file.h"
#include "spliced/util/threads.h"

namespace spliced::http {

using util::Nanos;

namespace {

constexpr int kBacklog = 1024;  // listen(2), which caps it at net.core.somaxconn

struct FreeAddress {
  void operator()(addrinfo* info) const { ::freeaddrinfo(info); }
};

// Binds and listens; fills in a port that was left open.
util::Result<util::UniqueFd> listen_on_tcp(Address& address) {
  const auto failed = [&](int error) { return util::fail_errno(fmt::format("listen on {}", address.text()), error); };
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  if (::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &raw) != 0)
    return failed(EINVAL);
  const std::unique_ptr<addrinfo, FreeAddress> info(raw);
  util::UniqueFd fd(::socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return failed(errno);
  // Not SO_REUSEPORT: a second daemon would get a part of the clients. An address of IPv6 takes IPv4 as well.
  const int yes = 1, no = 0;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (info->ai_family == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
  if (::bind(fd.get(), info->ai_addr, info->ai_addrlen) != 0 || ::listen(fd.get(), kBacklog) != 0) return failed(errno);
  const auto bound = address_of(fd);
  if (!bound) return tl::unexpected(bound.error());
  address.port = bound->port;
  return fd;
}

class ListenerImpl final : public Listener {
 public:
  ListenerImpl(const ListenerConfig& config, const Router& router, Observer& observer, util::Logger& log)
      : config_(config),
        log_(log),
        address_(config.address),
        pool_(config.name, config.threads, config.queue_limit),
        loop_(config_, router, observer, log, pool_) {}
  ~ListenerImpl() override {
    while (!ListenerImpl::stop(util::kSecond)) continue;
  }

  util::Status start(util::UniqueFd inherited) {
    auto listening = inherited            ? adopt(std::move(inherited))
                     : address_.is_unix() ? listen_on_unix()
                                          : listen_on_tcp(address_);
    if (!listening) return tl::unexpected(listening.error());
    if (auto status = loop_.open(std::move(*listening)); !status) return status;
    running_ = true;
    thread_ = std::jthread([this] {
      util::name_this_thread(config_.name + "-io");
      util::raise_priority();
      loop_.run();
      running_ = false;
    });
    return {};
  }
  bool running() const override { return running_ && !stopping_; }
  Address address() const override { return address_; }

  void begin_stop() override {
    if (stopping_.exchange(true)) return;
    loop_.stop_by(std::numeric_limits<Nanos>::max());
    if (socket_file_) socket_file_->remove();
  }
  bool stop(Nanos limit) override {
    begin_stop();
    const Nanos deadline = util::system_clock().now() + limit;
    loop_.stop_by(deadline);
    if (thread_.joinable()) thread_.join();
    return pool_.shutdown(std::max<Nanos>(deadline - util::system_clock().now(), 0));
  }

 private:
  static util::Result<util::UniqueFd> adopt(util::UniqueFd socket) {
    const int flags = ::fcntl(socket.get(), F_GETFL);
    if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0) return util::fail_errno("socket", errno);
    return socket;
  }
  util::Result<util::UniqueFd> listen_on_unix() {
    auto file = SocketFile::open(address_.unix_path, {config_.socket_group, config_.socket_for_all}, kBacklog, log_);
    if (!file) return tl::unexpected(file.error());
    socket_file_ = std::move(*file);
    return socket_file_->take_listening();
  }

  const ListenerConfig config_;
  util::Logger& log_;
  Address address_;
  std::optional<SocketFile> socket_file_;
  BoundedPool pool_;
  EventLoop loop_;
  std::atomic<bool> running_{false};
  std::atomic<bool> stopping_{false};
  std::jthread thread_;
};

}  // namespace

util::Result<std::unique_ptr<Listener>> Listener::open(const ListenerConfig& config, const Router& router,
                                                       Observer& observer, util::Logger& log,
                                                       util::UniqueFd inherited) {
  auto listener = std::make_unique<ListenerImpl>(config, router, observer, log);
  if (auto status = listener->start(std::move(inherited)); !status) return tl::unexpected(status.error());
  return listener;
}

}  // namespace spliced::http
