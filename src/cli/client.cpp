#include "client.h"

#include <fmt/format.h>
#include <httplib.h>

#include <chrono>

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

util::Result<Answer> read_answer(const std::string& server, const httplib::Result& result) {
  if (!result) {
    return fail(Errc::unavailable, fmt::format("cannot reach the daemon at {}: {}; is it running, and may you use it?",
                                               server, httplib::to_string(result.error())));
  }
  Answer answer{result->status, nullptr};
  if (result->body.empty()) return answer;
  answer.body = Json::parse(result->body, nullptr, false);
  if (answer.body.is_discarded()) {
    return fail(Errc::unavailable, fmt::format("what answers at {} is not spliced (HTTP {})", server, result->status));
  }
  if (answer.status == 401) return fail(Errc::unavailable, "the daemon wants a valid token: --token-file FILE");
  return answer;
}

}  // namespace

util::Result<Client> Client::create(const std::string& server, const std::string& token) {
  auto http = std::make_unique<Http>();
  http->server = server;
  if (server.starts_with("unix:/")) {
    http->client = std::make_unique<httplib::Client>(server.substr(5), 80);
    http->client->set_address_family(AF_UNIX);
  } else if (server.starts_with("http://")) {
    http->client = std::make_unique<httplib::Client>(server);
  } else {
    return fail(Errc::invalid, fmt::format("--server \"{}\": unix:/PATH or http://HOST:PORT is expected", server));
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

util::Result<Answer> Client::post(const std::string& path, const std::string& body) {
  return read_answer(http_->server, http_->client->Post(path.c_str(), body, "application/json"));
}

}  // namespace spliced::cli
