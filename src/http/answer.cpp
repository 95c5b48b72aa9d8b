// SPDX-License-Identifier: Apache-2.0
#include "answer.h"

#include <fmt/format.h>

namespace spliced::http {
namespace {

// How the client learns where the body ends (RFC 9112, 6.3). A streamed body to HTTP/1.0 ends with the connection.
std::string length_field(const Response& response, const AnswerForm& form) {
  if (response.status == 204) return "";
  if (!response.more) return fmt::format("Content-Length: {}\r\n", response.body.size());
  return form.http_1_0 ? "" : "Transfer-Encoding: chunked\r\n";
}

}  // namespace

std::string serialize(const Response& response, const AnswerForm& form) {
  std::string text = fmt::format("HTTP/1.1 {} {}\r\n", response.status, status_title(response.status));
  if (response.status != 204) text += fmt::format("Content-Type: {}\r\n", response.content_type);
  text += length_field(response, form) + "Connection: close\r\n";
  for (const auto& [name, value] : response.headers) {
    if (value.find_first_of("\r\n") == value.npos) text += fmt::format("{}: {}\r\n", name, value);
  }
  text += "\r\n";
  if (form.head_only || response.status == 204) return text;
  return text + (response.more ? frame(response.body, form) : response.body);
}

std::string frame(std::string piece, const AnswerForm& form) {
  // A chunk of no bytes would be the last one.
  if (form.http_1_0 || piece.empty()) return piece;
  return fmt::format("{:x}\r\n", piece.size()) + std::move(piece) + "\r\n";
}

std::string_view final_frame(const AnswerForm& form) {
  return form.http_1_0 ? "" : "0\r\n\r\n";
}

std::string_view method_label(std::string_view method) {
  for (const std::string_view known : {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"}) {
    if (method == known) return known;
  }
  return "other";
}

}  // namespace spliced::http
