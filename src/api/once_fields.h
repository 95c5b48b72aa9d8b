// SPDX-License-Identifier: Apache-2.0
// What a client says in the fields of a submission, so that it is carried out once however often it is sent.
#pragma once
#include <string_view>
#include <tl/expected.hpp>

#include "http/message.h"
#include "spliced/job/service.h"

namespace spliced::api {

inline constexpr std::string_view kKeyField = "idempotency-key";
inline constexpr std::string_view kPreconditionField = "if-none-match";
inline constexpr std::size_t kMaxKeyBytes = 255;

// Of POST, whose key, if there is one, stands for its body. The error is the answer.
[[nodiscard]] tl::expected<job::Once, http::Response> once_by_key(const http::Request& request);
// Of PUT, whose path has the id; it must be said that the job is to be a new one (RFC 9110, 13.1.2).
[[nodiscard]] tl::expected<job::Once, http::Response> once_by_id(const http::Request& request);

}  // namespace spliced::api
