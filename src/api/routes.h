// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>
#include <vector>

#include "http/message.h"
#include "spliced/job/service.h"

namespace spliced::embedded {
extern const std::string_view openapi_yaml;
}

namespace spliced::form {
class RecipeBook;
}

namespace spliced::api {

struct Version {
  std::string version, revision, compiler;
};

// Every route of the control API but those that the metrics room brings. `service` and `recipes` must outlive them.
[[nodiscard]] std::vector<http::Route> api_routes(job::JobService& service, const form::RecipeBook& recipes,
                                                  const Version& version);

// Errc → HTTP status.
[[nodiscard]] int status_of(util::Errc code);
[[nodiscard]] http::Response answer_error(const util::Error& error);

}  // namespace spliced::api
