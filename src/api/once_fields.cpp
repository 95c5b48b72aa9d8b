// SPDX-License-Identifier: Apache-2.0
#include "once_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "spliced/access/token_list.h"
#include "spliced/util/hex.h"
#include "spliced/util/text.h"

namespace spliced::api {

using http::problem;

namespace {

// RFC 9562, section 4. "": it is none. The nil UUID is a mistake of whoever made it.
std::string read_uuid(std::string_view text) {
  constexpr std::string_view form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  std::string id = util::lower_case(text);
  const auto fits = [](char is, char wanted) {
    return wanted == 'x' ? (is >= '0' && is <= '9') || (is >= 'a' && is <= 'f') : is == wanted;
  };
  if (id.size() != form.size() || !std::equal(id.begin(), id.end(), form.begin(), fits)) return "";
  return id.find_first_not_of("0-") == id.npos ? "" : id;
}

}  // namespace

tl::expected<job::Once, http::Response> once_by_key(const http::Request& request) {
  const auto found = request.fields.find(std::string(kKeyField));
  if (found == request.fields.end()) return job::Once{};
  const std::string& key = found->second;
  const auto is_visible = [](char c) { return c > ' ' && c < 0x7f; };
  if (key.empty() || key.size() > kMaxKeyBytes || !std::all_of(key.begin(), key.end(), is_visible)) {
    return tl::unexpected(problem(
        400,
        fmt::format("Idempotency-Key is \"{}\"; 1 to {} visible ASCII characters are expected", key, kMaxKeyBytes)));
  }
  const access::Digest digest = access::digest_of(request.body);
  return job::Once{"", key, util::to_hex(std::as_bytes(std::span(digest)))};
}

tl::expected<job::Once, http::Response> once_by_id(const http::Request& request) {
  const std::string& given = request.path_values.at("id");
  const std::string id = read_uuid(given);
  if (id.empty()) {
    return tl::unexpected(problem(
        422, fmt::format("the id \"{}\" is no UUID; a random one is expected, such as uuidgen(1) makes", given)));
  }
  const auto found = request.fields.find(std::string(kPreconditionField));
  if (found == request.fields.end()) {
    return tl::unexpected(problem(
        428, "If-None-Match is missing; send \"If-None-Match: *\", for a job can be created and not be replaced"));
  }
  if (found->second != "*") {
    return tl::unexpected(problem(400, fmt::format("If-None-Match is \"{}\"; * is expected", found->second)));
  }
  return job::Once{id, "", ""};
}

}  // namespace spliced::api
