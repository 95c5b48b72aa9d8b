// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "contexts.h"
#include "spliced/util/result.h"

namespace spliced::cli {

using Json = nlohmann::ordered_json;

struct Answer {
  int status = 0;
  Json body;  // null when there was none
};

// The daemon as seen through its HTTP API. One call at a time.
class Client {
 public:
  // Reads the files that the target names. Errors: an address that is none, a file that cannot be used.
  [[nodiscard]] static util::Result<Client> create(const Target& target);
  Client(Client&&) noexcept;
  ~Client();

  // The error says that the daemon could not be reached, or did not answer as spliced does.
  [[nodiscard]] util::Result<Answer> get(const std::string& path);
  [[nodiscard]] util::Result<Answer> post(const std::string& path, const std::string& body);
  [[nodiscard]] util::Result<Answer> del(const std::string& path);
  // Where there is nothing yet: If-None-Match: *.
  [[nodiscard]] util::Result<Answer> put_new(const std::string& path, const std::string& body);
  // Whether the last call, which failed, may have reached the daemon all the same.
  [[nodiscard]] bool may_have_sent() const;
  // Hands on what comes, as it comes, until the answer ends or `take` says that it is enough. `last_event`: what was
  // seen of it before; "": nothing. An answer of 400 or more is given as by get().
  using Take = std::function<bool(std::string_view)>;
  [[nodiscard]] util::Result<Answer> follow(const std::string& path, const std::string& last_event, const Take& take);
  // The same of a document, byte by byte as it comes.
  [[nodiscard]] util::Result<Answer> read(const std::string& path, const Take& take);

 private:
  struct Http;
  using Fields = std::vector<std::pair<std::string, std::string>>;
  [[nodiscard]] util::Result<Answer> stream(const std::string& path, const Fields& fields, const Take& take);
  explicit Client(std::unique_ptr<Http> http);
  std::unique_ptr<Http> http_;
};

}  // namespace spliced::cli
