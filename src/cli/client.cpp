#include "client.h"

#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <chrono>
#include <regex>

#include "spliced/util/unique_fd.h"

namespace spliced::cli {

using util::Errc;
using util::fail;

struct Client::Http {
  std::string server;
  std::unique_ptr<httplib::Client> client;
};

Client::Client(std::unique_ptr<Http> http) : http_(std::move(http)) {}
Client::Client(Client&&) noexcept = default;
Client::~Client() = default;

namespace {

bool is_unix(const std::string& server) {
  return server.starts_with("unix:/");
}

bool is_http(const std::string& server) {
  static const std::regex pattern(R"(http://([^/:\[\]]+|\[[0-9a-fA-F:.]+\])(:([0-9]{1,5}))?)");
  std::smatch match;
  if (!std::regex_match(server, match, pattern)) return false;
  return !match[3].matched || (std::stoi(match[3]) >= 1 && std::stoi(match[3]) <= 65535);
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
    case httplib::Error::Read: return "no whole answer came";
    case httplib::Error::Write: return "the request could not be sent";
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

util::Result<Client> Client::create(const std::string& given, const std::string& token) {
  const std::string server =
      given.starts_with("http://") && given.ends_with('/') ? given.substr(0, given.size() - 1) : given;
  auto http = std::make_unique<Http>();
  http->server = server;
  if (is_unix(server)) {
    http->client = std::make_unique<httplib::Client>(server.substr(5), 80);
    http->client->set_address_family(AF_UNIX);
  } else if (is_http(server)) {
    http->client = std::make_unique<httplib::Client>(server);
  } else {
    return fail(Errc::invalid, fmt::format("--server \"{}\": unix:/PATH or http://HOST:PORT is expected", given));
  }
  if (!http->client->is_valid()) return fail(Errc::invalid, fmt::format("--server \"{}\" is not an address", server));
  http->client->set_connection_timeout(std::chrono::seconds(5));
  http->client->set_read_timeout(std::chrono::seconds(60));
  httplib::Headers headers{{"Host", "localhost"}};
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

util::Result<Answer> Client::post(const std::string& path, const std::string& body) {
  return read_answer(http_->server, http_->client->Post(path.c_str(), body, "application/json"));
}

}  // namespace spliced::cli
