// SPDX-License-Identifier: Apache-2.0
#include "spliced/workload/cursor.h"

#include <algorithm>

namespace spliced::workload {

bool Cursor::is_done(std::uint64_t at) const {
  if (at < watermark) return !std::binary_search(missing.begin(), missing.end(), at);
  const std::uint64_t bit = at - watermark;
  return bit / 64 < done.size() && (done[bit / 64] >> (bit % 64) & 1) != 0;
}

namespace {

constexpr char kVersion = 1;
constexpr std::size_t kHead = 3;

void append(std::string& out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}
std::uint64_t number_in(std::string_view bytes) {
  std::uint64_t out = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) out = out << 8 | static_cast<unsigned char>(bytes[i]);
  return out;
}
std::vector<std::uint64_t> words_in(std::string_view bytes) {
  std::vector<std::uint64_t> out;
  for (; !bytes.empty(); bytes.remove_prefix(8)) out.push_back(number_in(bytes.substr(0, 8)));
  return out;
}

}  // namespace

std::string pack(const Cursor& cursor) {
  std::string out(1, kVersion);
  append(out, cursor.missing.size(), 2);
  for (const std::uint64_t position : cursor.missing) append(out, position, 8);
  for (const std::uint64_t word : cursor.done) append(out, word, 8);
  return out;
}

util::Result<Cursor> unpack(std::uint64_t position, std::uint64_t watermark, std::string_view bytes) {
  const auto wrong = [](const char* what) {
    return util::fail(util::Errc::invalid, std::string("a stored cursor ") + what);
  };
  if (bytes.size() < kHead || bytes[0] != kVersion || bytes.size() % 8 != kHead) {
    return wrong("is of another version, or torn");
  }
  const std::size_t missing = number_in(bytes.substr(1, 2));
  bytes.remove_prefix(kHead);
  if (missing > Cursor::kMaxMissing || missing * 8 > bytes.size()) return wrong("misses more than there may be");
  Cursor out{position, watermark, words_in(bytes.substr(0, missing * 8)), words_in(bytes.substr(missing * 8))};
  if (out.done.size() * 64 > Cursor::kWindow) return wrong("has more done than there may be");
  if (position < watermark || !std::is_sorted(out.missing.begin(), out.missing.end()) ||
      (!out.missing.empty() && out.missing.back() >= watermark)) {
    return wrong("contradicts itself");
  }
  return out;
}

}  // namespace spliced::workload
