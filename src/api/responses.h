// SPDX-License-Identifier: Apache-2.0
// How requests are answered.
#pragma once
#include <string>

#include "form/json.h"
#include "http/message.h"
#include "spliced/util/pieces.h"
#include "spliced/util/result.h"

namespace spliced::api {

[[nodiscard]] http::Response answer_json(int status, const form::Json& body);
// A text that fits into one piece has a length of its own; a longer one is made as it is sent.
[[nodiscard]] http::Response text_answer(int status, util::Pieces pieces);
[[nodiscard]] http::Response refuse_query(const char* key, const std::string& value, const std::string& expected);
// Errc → HTTP status.
[[nodiscard]] int status_of(util::Errc code);
[[nodiscard]] http::Response answer_error(const util::Error& error);

}  // namespace spliced::api
