// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "message.h"

namespace spliced::http {

constexpr std::size_t kLoggedErrors = 5;

std::string_view status_title(int status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 204: return "No Content";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    default: return "Error";
  }
}

std::string problem_type(std::string_view name) {
  return "urn:spliced:problem:" + std::string(name);
}

std::string_view status_problem(int status) {
  switch (status) {
    case 400: return "bad-request";
    case 401: return "unauthorized";
    case 403: return "forbidden";
    case 404: return "not-found";
    case 405: return "method-not-allowed";
    case 408: return "timeout";
    case 411: return "length-required";
    case 412: return "exists";
    case 413: return "too-large";
    case 414: return "uri-too-long";
    case 415: return "media-type";
    case 417: return "expectation";
    case 421: return "wrong-host";
    case 422: return "invalid";
    case 428: return "no-precondition";
    case 429: return "limit";
    case 431: return "head-too-large";
    case 501: return "not-implemented";
    case 503: return "overloaded";
    default: return "internal";
  }
}

Response problem(int status, std::string_view detail, const std::vector<util::FieldError>& errors,
                 std::string_view type) {
  nlohmann::ordered_json body;
  body["type"] = problem_type(type.empty() ? status_problem(status) : type);
  body["title"] = status_title(status);
  body["status"] = status;
  body["detail"] = detail;
  for (const auto& error : errors) {
    body["errors"].push_back({{"pointer", error.pointer},
                              {"detail", error.detail},
                              {"type", problem_type(util::reason_name(error.reason))}});
  }
  Response response;
  response.status = status;
  response.content_type = "application/problem+json";
  response.detail = detail;
  for (std::size_t i = 0; i < errors.size() && i < kLoggedErrors; ++i) {
    if (detail.find(errors[i].detail) == detail.npos)
      response.detail += fmt::format("; {} {}", errors[i].pointer, errors[i].detail);
  }
  // A detail may quote what the client sent: bytes that are not UTF-8 are replaced.
  response.body = body.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  return response;
}

}  // namespace spliced::http
