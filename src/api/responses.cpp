// SPDX-License-Identifier: Apache-2.0
#include "responses.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "spliced/util/reason.h"

namespace spliced::api {

using http::problem;
using http::Response;

Response answer_json(int status, const form::Json& body) {
  Response response;
  response.status = status;
  response.body = form::to_text(body);
  return response;
}

Response text_answer(int status, util::Pieces pieces) {
  Response response;
  response.status = status;
  std::string first;
  if (!pieces(first)) {
    response.body = std::move(first);
    return response;
  }
  response.more = [pieces = std::move(pieces), first = std::move(first)](std::string& chunk) mutable {
    if (first.empty()) return pieces(chunk);
    chunk += std::exchange(first, {});
    return true;
  };
  return response;
}

Response refuse_query(const char* key, const std::string& value, const std::string& expected) {
  const std::string detail = fmt::format("query {}=\"{}\": {} is expected", key, value, expected);
  return problem(400, detail);
}

int status_of(util::Errc code) {
  switch (code) {
    case util::Errc::invalid: return 422;
    case util::Errc::forbidden: return 403;
    case util::Errc::not_found: return 404;
    case util::Errc::gone: return 410;
    case util::Errc::conflict: return 409;
    case util::Errc::exhausted: return 429;
    case util::Errc::unavailable: return 503;
    case util::Errc::system:
    case util::Errc::internal: break;
  }
  return 500;
}

Response answer_error(const util::Error& error) {
  Response response =
      problem(status_of(error.code), error.message, error.details, util::reason_name(util::reason_of(error)));
  if (error.code == util::Errc::unavailable || error.code == util::Errc::exhausted) {
    response.headers.emplace_back("Retry-After", "10");
  }
  return response;
}

}  // namespace spliced::api
