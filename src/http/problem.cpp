#include <nlohmann/json.hpp>

#include "message.h"

namespace spliced::http {

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
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    default: return "Error";
  }
}

Response problem(int status, std::string_view detail, const std::vector<util::FieldError>& errors) {
  nlohmann::ordered_json body;
  body["type"] = "about:blank";
  body["title"] = status_title(status);
  body["status"] = status;
  body["detail"] = detail;
  for (const auto& error : errors) body["errors"].push_back({{"pointer", error.pointer}, {"detail", error.detail}});
  Response response;
  response.status = status;
  response.content_type = "application/problem+json";
  // A detail may quote what the client sent: bytes that are not UTF-8 are replaced.
  response.body = body.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  return response;
}

}  // namespace spliced::http
