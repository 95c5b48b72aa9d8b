// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

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

 private:
  struct Http;
  explicit Client(std::unique_ptr<Http> http);
  std::unique_ptr<Http> http_;
};

}  // namespace spliced::cli
