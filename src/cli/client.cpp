// SPDX-License-Identifier: Apache-2.0
#include "client.h"

#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <regex>

#include "spliced/util/unique_fd.h"

namespace spliced::cli {

using util::Errc;
using util::fail;

struct Client::Http {
  std::string server;
  std::unique_ptr<httplib::Client> client;
  bool may_have_sent = false;
};

Client::Client(std::unique_ptr<Http> http) : http_(std::move(http)) {}
Client::Client(Client&&) noexcept = default;
Client::~Client() = default;

namespace {

bool is_unix(const std::string& server) {
  return server.starts_with("unix:/");
}

bool is_https(const std::string& server) {
  return server.starts_with("https://");
}

bool is_url(const std::string& server) {
  static const std::regex pattern(R"(https?://([^/:\[\]@]+|\[[0-9a-fA-F:.]+\])(:([0-9]{1,5}))?)");
  std::smatch match;
  if (!std::regex_match(server, match, pattern)) return false;
  return !match[3].matched || (std::stoi(match[3]) >= 1 && std::stoi(match[3]) <= 65535);
}

// Of an http URL.
bool is_loopback(const std::string& server) {
  static const std::regex pattern(R"(http://(localhost|127\.[0-9.]+|\[::1\])(:[0-9]+)?)");
  return std::regex_match(server, pattern);
}

// Why a socket cannot be connected to, which the library does not tell.
std::string connect_error(const std::string& path) {
  const util::UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const bool good = ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  return good ? "no connection just now" : util::errno_text(errno);
}

std::string reason_of(const std::string& server, httplib::Error error) {
  switch (error) {
    case httplib::Error::Connection:
      return is_unix(server) ? connect_error(server.substr(5)) : "unknown host, or nobody listens there";
    case httplib::Error::Read:
      return is_https(server) ? "no whole answer came; that is how a client certificate is refused, too"
                              : "no whole answer came";
    case httplib::Error::Write: return "the request could not be sent";
    case httplib::Error::SSLConnection: return "TLS could not be agreed on; does it take HTTPS, of 1.2 or newer?";
    case httplib::Error::SSLServerVerification:
      return "its certificate is not one of the authority that is trusted (--cacert FILE), or not for that name";
    default: return httplib::to_string(error);
  }
}

util::Result<Answer> read_answer(const std::string& server, const httplib::Result& result) {
  if (!result) {
    return fail(Errc::unavailable, fmt::format("cannot reach the daemon at {}: {}; is it running, and may you use it?",
                                               server, reason_of(server, result.error())));
  }
  Answer answer{result->status, nullptr};
  if (result->body.empty()) return answer;
  answer.body = Json::parse(result->body, nullptr, false);
  if (answer.body.is_discarded()) {
    return fail(Errc::unavailable, fmt::format("what answers at {} is not spliced (HTTP {})", server, result->status));
  }
  return answer;
}

}  // namespace

namespace {

util::Result<std::string> read_token(const std::string& path) {
  std::string token;
  std::ifstream in(path);
  if (!std::getline(in, token)) return fail(Errc::invalid, fmt::format("--token-file {}: cannot be read", path));
  return token;
}

util::Status check_tls(const Target& target) {
  const bool given = !target.cacert.empty() || !target.cert.empty() || !target.key.empty();
  if (!is_https(target.server)) {
    if (!given) return {};
    return fail(Errc::invalid,
                fmt::format("--cacert, --cert and --key are for https://; --server is \"{}\"", target.server));
  }
  if (target.cert.empty() != target.key.empty()) return fail(Errc::invalid, "--cert and --key are given together");
  for (const auto& [flag, path] :
       {std::pair{"--cacert", target.cacert}, std::pair{"--cert", target.cert}, std::pair{"--key", target.key}}) {
    if (!path.empty() && !std::ifstream(path))
      return fail(Errc::invalid, fmt::format("{} {}: cannot be read", flag, path));
  }
  return {};
}

std::unique_ptr<httplib::Client> make_client(const Target& target) {
  if (is_unix(target.server)) {
    auto client = std::make_unique<httplib::Client>(target.server.substr(5), 80);
    client->set_address_family(AF_UNIX);
    return client;
  }
  if (!is_https(target.server)) return std::make_unique<httplib::Client>(target.server);
  auto client = std::make_unique<httplib::Client>(target.server, target.cert, target.key);
  if (client->is_valid()) {
    if (!target.cacert.empty()) client->set_ca_cert_path(target.cacert.c_str());
    client->enable_server_certificate_verification(true);
    ::SSL_CTX_set_min_proto_version(client->ssl_context(), TLS1_2_VERSION);
  }
  return client;
}

}  // namespace

util::Result<Client> Client::create(const Target& given) {
  Target target = given;
  if (target.server.starts_with("http") && target.server.ends_with('/')) target.server.pop_back();
  if (!is_unix(target.server) && !is_url(target.server)) {
    return fail(
        Errc::invalid,
        fmt::format("--server \"{}\": unix:/PATH, http://HOST:PORT or https://HOST:PORT is expected", given.server));
  }
  if (auto status = check_tls(target); !status) return tl::unexpected(status.error());
  std::string token;
  if (!target.token_file.empty()) {
    auto read = read_token(target.token_file);
    if (!read) return tl::unexpected(read.error());
    token = std::move(*read);
    if (target.server.starts_with("http://") && !is_loopback(target.server)) {
      return fail(Errc::invalid,
                  fmt::format("--server \"{}\": the token would cross the network in clear text; https:// keeps it",
                              given.server));
    }
  }
  auto http = std::make_unique<Http>();
  http->server = target.server;
  http->client = make_client(target);
  if (!http->client->is_valid()) {
    return fail(Errc::invalid,
                is_https(target.server) && !target.cert.empty()
                    ? fmt::format("--cert {}, --key {}: not a certificate and its key", target.cert, target.key)
                    : fmt::format("--server \"{}\" is not an address", given.server));
  }
  http->client->set_connection_timeout(std::chrono::seconds(5));
  http->client->set_read_timeout(std::chrono::seconds(60));
  httplib::Headers headers;
  if (!is_https(target.server)) headers.emplace("Host", "localhost");
  if (!token.empty()) headers.emplace("Authorization", "Bearer " + token);
  http->client->set_default_headers(headers);
  return Client(std::move(http));
}

util::Result<Answer> Client::get(const std::string& path) {
  return read_answer(http_->server, http_->client->Get(path.c_str()));
}

util::Result<Answer> Client::del(const std::string& path) {
  return read_answer(http_->server, http_->client->Delete(path.c_str()));
}

bool Client::may_have_sent() const {
  return http_->may_have_sent;
}

util::Result<Answer> Client::put_new(const std::string& path, const std::string& body) {
  const httplib::Headers headers{{"If-None-Match", "*"}};
  const auto result = http_->client->Put(path.c_str(), headers, body, "application/json");
  http_->may_have_sent = result.error() == httplib::Error::Read || result.error() == httplib::Error::Write;
  return read_answer(http_->server, result);
}

util::Result<Answer> Client::follow(const std::string& path, const std::string& last_event, const Take& take) {
  Fields fields{{"Accept", "text/event-stream"}};
  if (!last_event.empty()) fields.emplace_back("Last-Event-ID", last_event);
  return stream(path, fields, take);
}

util::Result<Answer> Client::read(const std::string& path, const Take& take) {
  return stream(path, {}, take);
}

util::Result<Answer> Client::stream(const std::string& path, const Fields& fields, const Take& take) {
  int status = 0;
  std::string refusal;
  bool enough = false;
  auto result = http_->client->Get(
      path.c_str(), httplib::Headers(fields.begin(), fields.end()),
      [&](const httplib::Response& response) {
        status = response.status;
        return true;
      },
      [&](const char* data, std::size_t size) {
        if (status >= 400) {
          refusal.append(data, size);
          return true;
        }
        enough = !take({data, size});
        return !enough;
      });
  if (enough) return Answer{status, nullptr};
  if (result) result->body = std::move(refusal);
  return read_answer(http_->server, result);
}

util::Result<Answer> Client::post(const std::string& path, const std::string& body) {
  return read_answer(http_->server, http_->client->Post(path.c_str(), body, "application/json"));
}

}  // namespace spliced::cli
