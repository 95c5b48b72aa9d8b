#pragma once
#include <mutex>
#include <string>

#include "spliced/util/result.h"

namespace spliced::daemon {

// The bearer token of TCP clients. Thread-safe.
class Token {
 public:
  static constexpr std::size_t kMinBytes = 16;

  // First line of `path`. Refused when it is short or the file is open to everybody.
  [[nodiscard]] util::Status load(const std::string& path);
  // Whether an Authorization header carries it; takes the same time wherever they differ.
  [[nodiscard]] bool matches(const std::string& authorization) const;

 private:
  mutable std::mutex mutex_;
  std::string token_;
};

}  // namespace spliced::daemon
