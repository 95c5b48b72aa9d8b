// SPDX-License-Identifier: Apache-2.0
// Judges blocks by the rules of the daemon: for each case a line on the standard input and the bytes behind it, for
// each interval that is wrong a line on the standard output, and an empty one at the end of the case.
//   RUN DEVICE SEED OFFSET PASS INTERVAL PAYLOAD COMPRESS HEADER BEFORE RULE LENGTH
// RUN: 32 digits; PAYLOAD: "random", "zero" or the digits of a pattern; BEFORE: the pass that was there before, 0 for
// none; RULE: the one that is left out, or -1. Interval lines: KIND OFFSET LENGTH FIRST LAST BITS SHIFT DEVICE JOB
// PASS, then of each sector that is wrong OFFSET:KIND:TORN_AT.
#include <bit>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "spliced/verify/damage.h"

namespace {

namespace verify = spliced::verify;

struct Case {
  std::string run, payload;
  std::uint64_t device = 0, seed = 0, offset = 0;
  std::uint32_t pass = 0, interval = 0, before = 0;
  unsigned compress = 0, header = 1;
  int rule = -1;
  std::size_t length = 0;
};

bool read_case(Case& out, std::vector<std::byte>& data) {
  std::string line;
  if (!std::getline(std::cin, line)) return false;
  std::istringstream in(line);
  in >> out.run >> out.device >> out.seed >> out.offset >> out.pass >> out.interval >> out.payload >> out.compress >>
      out.header >> out.before >> out.rule >> out.length;
  data.resize(out.length);
  return !in.fail() && static_cast<bool>(std::cin.read(reinterpret_cast<char*>(data.data()),
                                                       static_cast<std::streamsize>(out.length)));
}

verify::Payload payload_of(const Case& one) {
  verify::Payload out;
  out.interval = one.interval;
  out.compress = one.compress;
  out.header = one.header != 0;
  if (one.payload == "random") return out;
  out.kind = one.payload == "zero" ? verify::PayloadKind::zero : verify::PayloadKind::pattern;
  for (std::size_t i = 0; out.kind == verify::PayloadKind::pattern && i + 1 < one.payload.size(); i += 2) {
    out.pattern += static_cast<char>(std::stoul(one.payload.substr(i, 2), nullptr, 16));
  }
  return out;
}

void judge(const verify::Image& image, const Case& one, std::span<const std::byte> part, std::uint64_t offset) {
  const verify::Expectation expected{{&image, one.pass}, {one.before != 0 ? &image : nullptr, one.before}};
  const auto rules =
      one.rule < 0 ? verify::Rules::all() : verify::Rules::all().without(static_cast<verify::Rule>(one.rule));
  const auto damage = verify::diagnose(part, offset, expected, rules);
  std::vector<std::byte> whole(part.size());
  image.fill(whole, offset, one.pass);
  std::size_t first = part.size(), last = 0, bits = 0;
  for (std::size_t i = 0; i < part.size(); ++i) {
    const auto wrong = std::to_integer<unsigned>(part[i] ^ whole[i]);
    if (wrong == 0) continue;
    first = std::min(first, i);
    last = i;
    bits += static_cast<std::size_t>(std::popcount(wrong));
  }
  std::cout << verify::kKindNames[static_cast<std::size_t>(damage.kind)] << ' ' << offset << ' ' << part.size() << ' '
            << first << ' ' << last << ' ' << bits << ' ' << damage.shift << ' ' << damage.other_device << ' '
            << damage.other_job << ' ' << (damage.found ? damage.found->pass : 0);
  for (const auto& sector : damage.sectors) {
    std::cout << ' ' << sector.offset << ':' << verify::kKindNames[static_cast<std::size_t>(sector.kind)] << ':'
              << sector.torn_at;
  }
  std::cout << '\n';
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  Case one;
  std::vector<std::byte> data;
  while (read_case(one, data)) {
    const auto run = verify::run_id_of(one.run);
    if (!run) return 2;
    const verify::Image image(payload_of(one), {*run, one.device, one.seed});
    const std::uint64_t interval = one.interval != 0 ? one.interval : verify::kLargestDefaultInterval;
    for (std::uint64_t at = one.offset; at < one.offset + one.length;) {
      const std::uint64_t end = std::min((at / interval + 1) * interval, one.offset + one.length);
      const auto part = std::span(data).subspan(at - one.offset, end - at);
      if (image.check(part, at, one.pass) != part.size()) judge(image, one, part, at);
      at = end;
    }
    std::cout << '\n' << std::flush;
  }
}
