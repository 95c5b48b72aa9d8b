// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "spliced/job/service.h"
#include "spliced/results/seal.h"

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

struct ApiSettings {
  Version version;
  std::function<std::optional<results::SigningKey>()> results_key = {};  // none: results are not signed
};

// Every route of the control API but those that the metrics room brings. `service` and `recipes` must outlive them.
[[nodiscard]] std::vector<http::Route> api_routes(job::JobService& service, const form::RecipeBook& recipes,
                                                  const ApiSettings& settings);

}  // namespace spliced::api
