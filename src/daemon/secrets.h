// SPDX-License-Identifier: Apache-2.0
// What is read from files that not everybody may read.
#pragma once
#include <memory>
#include <optional>

#include "config.h"
#include "http/tls.h"
#include "spliced/access/token_list.h"
#include "spliced/results/seal.h"

namespace spliced::daemon {

struct Secrets {
  access::TokenList tokens;                     // empty without a token file
  std::shared_ptr<const http::TlsContext> tls;  // nullptr: none
  std::shared_ptr<const http::TlsContext> metrics_tls;
  std::optional<results::SigningKey> results_key;
};

// All of it, or the first that cannot be used: the error names flag and file, and nothing of what is in it.
[[nodiscard]] util::Result<Secrets> load_secrets(const Config& config);

}  // namespace spliced::daemon
