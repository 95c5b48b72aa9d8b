// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/message.h"
#include "spliced/job/snapshot.h"

namespace spliced::api {

struct Link {
  std::string_view path, what;
};
// What a listener has that a browser can show.
[[nodiscard]] const std::vector<Link>& control_links();
[[nodiscard]] const std::vector<Link>& metrics_links();

inline constexpr std::size_t kMaxJobsOnPage = 100;

// The page at "/": one HTML document without scripts or anything from elsewhere. `jobs`: those that have not ended,
// newest first; nullptr: none of them is told of here.
[[nodiscard]] http::Response front_page(std::string_view version, const std::vector<Link>& links,
                                        const std::vector<job::JobSummary>* jobs);

// The page of the metrics listener.
[[nodiscard]] http::Route metrics_front_page(const std::string& version);

}  // namespace spliced::api
