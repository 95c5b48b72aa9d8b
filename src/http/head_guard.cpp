// SPDX-License-Identifier: Apache-2.0
#include "head_guard.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "answer.h"
#include "host_name.h"
#include "spliced/util/text.h"

namespace spliced::http {
namespace {

constexpr std::size_t kMaxMethod = 16;  // characters that are kept for the metrics

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// RFC 9110, 5.6.2.
bool is_token(std::string_view text) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  const auto fits = [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || others.find(c) != others.npos;
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), fits);
}

// RFC 9110, 5.5: a tab, but no other control character.
bool is_field_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7f; });
}

// RFC 3986 has visible characters of ASCII only, and a target no fragment.
bool is_target(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f && c != '#'; });
}

class HeadCheck {
 public:
  std::optional<Response> line(std::string_view text) {
    if (++fields_ > kMaxHeaderFields) return problem(431, fmt::format("more than {} header fields", kMaxHeaderFields));
    const auto colon = text.find(':');
    if (colon == text.npos || !is_token(text.substr(0, colon)) || !is_field_value(text.substr(colon + 1))) {
      return problem(400, "a header field is not of the form \"Name: value\"");
    }
    return field(util::lower_case(text.substr(0, colon)), trim(text.substr(colon + 1)));
  }
  [[nodiscard]] bool has_host() const { return has_host_; }

 private:
  std::optional<Response> field(const std::string& name, std::string_view value) {
    if (name == "host") return host(value);
    if (name == "authorization" && std::exchange(has_authorization_, true)) {
      return problem(400, "Authorization must be given once");
    }
    if (name == "content-type" && std::exchange(has_type_, true))
      return problem(400, "Content-Type must be given once");
    if (name == "expect" && util::lower_case(value) != "100-continue") {
      return problem(417, fmt::format("Expect: {} cannot be met; 100-continue can", value));
    }
    if (name == "range") return problem(400, "ranges are not supported; ask for the whole resource");
    if (name == "transfer-encoding") {
      return problem(411, "Transfer-Encoding is not supported; send the body with a Content-Length");
    }
    if (name == "content-encoding" && util::lower_case(value) != "identity") {
      return problem(415, fmt::format("Content-Encoding \"{}\" is not supported; send the body as it is", value));
    }
    if (name == "content-type" && util::lower_case(value).starts_with("multipart/")) {
      return problem(415, "multipart bodies are not supported; send application/json");
    }
    // The library decodes percent signs in values, so that another type could hide behind them.
    if (name == "content-type" && value.find('%') != value.npos) {
      return problem(415, fmt::format("Content-Type \"{}\" is not a media type; send application/json", value));
    }
    if (name == "content-length") return length(value);
    return std::nullopt;
  }

  // RFC 9112, 3.2: without it, or with two, one reader sends the request to another host than the next does.
  std::optional<Response> host(std::string_view value) {
    if (std::exchange(has_host_, true)) return problem(400, "Host must be given once");
    if (is_host(value)) return std::nullopt;
    return problem(400, fmt::format("Host \"{}\" is not a host name or address, with or without a port", value));
  }

  std::optional<Response> length(std::string_view value) {
    std::uint64_t bytes = 0;
    const auto [stop, error] = std::from_chars(value.data(), value.data() + value.size(), bytes);
    const bool overflow = error == std::errc::result_out_of_range;
    if (!overflow && (error != std::errc() || stop != value.data() + value.size() || has_length_)) {
      return problem(400, "Content-Length must be given once, as a number of bytes");
    }
    has_length_ = true;
    if (!overflow && bytes <= kMaxBodyBytes) return std::nullopt;
    return problem(413, fmt::format("the body has {} bytes; at most {}", value, kMaxBodyBytes));
  }

  std::size_t fields_ = 0;
  bool has_host_ = false;
  bool has_length_ = false;
  bool has_authorization_ = false;
  bool has_type_ = false;
};

// "METHOD target HTTP/1.1", with one space each.
std::optional<Response> check_request_line(std::string_view line) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  const bool three = first != line.npos && first != last && line.find(' ', first + 1) == last && last - first > 1;
  if (!three || !is_token(line.substr(0, first)) || !line.substr(last + 1).starts_with("HTTP/")) {
    return problem(400, "the request line is not of the form \"METHOD target HTTP/1.1\"");
  }
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const Target parts = split_target(target);
  if (!is_target(target) || (parts.absolute && (parts.host.empty() || !is_host(parts.host)))) {
    return problem(400, "the target of the request is no path and no http URL");
  }
  const std::string_view version = line.substr(last + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return problem(400, fmt::format("{} is not supported; HTTP/1.1 and HTTP/1.0 are", version));
  }
  const std::string method(line.substr(0, first));
  if (method_label(method) != "other" || method == "TRACE" || method == "CONNECT") return std::nullopt;
  return problem(501, fmt::format("there is no method {} here", method));
}

// A CR or LF on its own: what is one line to one reader is two to another, and a field could hide in there.
bool has_bare_line_end(std::string_view head) {
  for (std::size_t i = 0; i < head.size(); ++i) {
    if (head[i] == '\n' && (i == 0 || head[i - 1] != '\r')) return true;
    if (head[i] == '\r' && (i + 1 == head.size() || head[i + 1] != '\n')) return true;
  }
  return false;
}

}  // namespace

std::optional<Response> check_head(std::string_view head) {
  const std::size_t first = head.find("\r\n");
  if (first > kMaxRequestLine) return problem(414, fmt::format("the request line exceeds {} bytes", kMaxRequestLine));
  if (head.find('\0') != head.npos) return problem(400, "the request head contains a NUL byte");
  if (has_bare_line_end(head)) return problem(400, "a line of the request head does not end with CR LF");
  if (auto refusal = check_request_line(head.substr(0, first))) return refusal;
  HeadCheck check;
  for (std::size_t at = first + 2; at < head.size();) {
    const std::size_t end = head.find("\r\n", at);
    if (end == at || end == head.npos) break;
    if (auto refusal = check.line(head.substr(at, end - at))) return refusal;
    at = end + 2;
  }
  // HTTP/1.0 knew no Host.
  if (check.has_host() || head.substr(0, first).ends_with("HTTP/1.0")) return std::nullopt;
  return problem(400, "there is no Host; give the address, or localhost");
}

std::vector<std::string> header_values(std::string_view head, std::string_view name) {
  std::vector<std::string> out;
  for (std::size_t at = head.find("\r\n"); at != head.npos && at + 2 < head.size(); at = head.find("\r\n", at + 2)) {
    const std::string_view line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
    const auto colon = line.find(':');
    if (colon != line.npos && util::lower_case(line.substr(0, colon)) == name)
      out.emplace_back(trim(line.substr(colon + 1)));
  }
  return out;
}

std::string header_value(std::string_view head, std::string_view name) {
  const auto all = header_values(head, name);
  return all.empty() ? "" : all.front();
}

std::optional<Response> HeadGuard::feed(std::string_view more) {
  if (!has_head()) more = skip_empty_lines(more);
  const std::size_t from = bytes_.size() < 3 ? 0 : bytes_.size() - 3;
  bytes_.append(more);
  if (has_head()) return std::nullopt;
  const std::size_t end = bytes_.find("\r\n\r\n", from);
  if (end != bytes_.npos && end + 4 <= kMaxHeadBytes) {
    length_ = end + 4;
    if (auto refusal = check_head(head())) return refusal;
    const std::string length = header_value(head(), "content-length");
    std::from_chars(length.data(), length.data() + length.size(), body_);
    return std::nullopt;
  }
  if (bytes_.find("\r\n") == bytes_.npos && bytes_.size() > kMaxRequestLine) {
    return problem(414, fmt::format("the request line exceeds {} bytes", kMaxRequestLine));
  }
  if (bytes_.size() > kMaxHeadBytes) {
    return problem(431, fmt::format("the header fields exceed {} bytes", kMaxHeadBytes));
  }
  return std::nullopt;
}

// RFC 9112, 2.2: some clients send an empty line before the request line.
std::string_view HeadGuard::skip_empty_lines(std::string_view more) {
  while (!more.empty() && skipped_ < kMaxEmptyLines) {
    if (bytes_.empty() && more.front() == '\r') {
      bytes_ = "\r";
    } else if (bytes_ == "\r" && more.front() == '\n') {
      bytes_.clear();
      ++skipped_;
    } else {
      break;
    }
    more.remove_prefix(1);
  }
  return more;
}

std::size_t HeadGuard::missing() const {
  const std::size_t came = bytes_.size() - length_;
  return came < body_ ? body_ - came : 0;
}

std::string HeadGuard::method() const {
  return bytes_.substr(0, std::min(bytes_.find(' '), kMaxMethod));
}

std::string HeadGuard::target() const {
  const std::string_view line = std::string_view(bytes_).substr(0, bytes_.find("\r\n"));
  const auto space = line.find(' ');
  if (space == line.npos) return {};
  return std::string(line.substr(space + 1, line.find_first_of(" ?", space + 1) - space - 1));
}

bool HeadGuard::expects_continue() const {
  return util::lower_case(header_value(head(), "expect")) == "100-continue";
}

std::string HeadGuard::take_body() {
  std::string body = std::move(bytes_);
  body.erase(0, length_);
  body.resize(body_);
  *this = HeadGuard();
  return body;
}

}  // namespace spliced::http
