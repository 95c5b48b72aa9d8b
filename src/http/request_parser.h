// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <optional>
#include <string_view>

#include "message.h"

namespace spliced::http {

// The HTTP library as a parser of heads that the HeadGuard has let through. It reads from memory and never meets a
// socket. Belongs to one thread.
class RequestParser {
 public:
  RequestParser();
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  // Everything but the body and the route's values; nullopt for what is not valid HTTP.
  [[nodiscard]] std::optional<Request> parse(std::string_view head);

 private:
  class Library;
  std::unique_ptr<Library> library_;
};

}  // namespace spliced::http
