// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

#include "message.h"

namespace spliced::http {

// What the request decides about the form of its answer.
struct AnswerForm {
  bool head_only = false;  // HEAD: the fields of GET, no body
  bool http_1_0 = false;   // knows neither chunks nor interim answers
};

inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
inline constexpr std::string_view kStillBusy = "HTTP/1.1 102 Processing\r\n\r\n";

// Status line, fields and body; of a streamed body the first piece. A field whose value has a line end is left out.
[[nodiscard]] std::string serialize(const Response& response, const AnswerForm& form);
// One more piece of a streamed body, and what ends it.
[[nodiscard]] std::string frame(std::string piece, const AnswerForm& form);
[[nodiscard]] std::string_view final_frame(const AnswerForm& form);

// Known methods only: a label must not be the client's choice.
[[nodiscard]] std::string_view method_label(std::string_view method);

}  // namespace spliced::http
