// SPDX-License-Identifier: Apache-2.0
#include "block_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <vector>

#include "commands.h"
#include "spliced/util/hex.h"
#include "spliced/util/page_buffer.h"
#include "spliced/util/text.h"
#include "spliced/util/unique_fd.h"
#include "spliced/util/units.h"
#include "spliced/verify/image.h"

namespace spliced::cli {
namespace {

constexpr std::uint64_t kMost = 16 << 20;  // bytes at a time
constexpr std::array<const char*, 3> kPayloads{"random", "pattern", "zero"};

Json header_of(const verify::Header& header) {
  const std::size_t payload = header.payload - 1U;
  return {{"run_id", util::format_uuid(header.origin.run)},
          {"device", fmt::format("{:016x}", header.origin.device)},
          {"offset", header.offset},
          {"pass", header.pass},
          {"generation", header.generation},
          {"seed", header.origin.seed},
          {"interval", std::uint64_t{1} << (header.interval_log2 & 63)},
          {"payload", payload < kPayloads.size() ? kPayloads[payload] : "unknown"},
          {"compress", header.compress}};
}

Json tag_of(const verify::Tag& tag) {
  return {{"offset", tag.offset},
          {"pass", tag.pass},
          {"generation", tag.generation},
          {"job", fmt::format("{:016x}", tag.job)},
          {"device", fmt::format("{:016x}", tag.device)}};
}

// How many words at the end of each sector are not XORed with the pool shows in the header alone; most have none.
std::size_t plain_words_of(const std::optional<verify::Header>& header) {
  return header ? verify::kSectorWords * std::min<std::size_t>(header->compress, 100) / 100 : 0;
}

Json sector_of(std::span<const std::byte> data, std::uint64_t offset, std::size_t plain) {
  Json out = {{"offset", offset}, {"header", nullptr}, {"tags", Json::array()}};
  if (const auto header = verify::read_header(data)) out["header"] = header_of(*header);
  std::array<verify::Tag, 4> tags;
  const std::size_t count = verify::find_tags(data, plain, tags);
  for (std::size_t i = 0; i < count; ++i) out["tags"].push_back(tag_of(tags[i]));
  const bool zeros = std::all_of(data.begin(), data.end(), [](std::byte b) { return b == std::byte{0}; });
  out["what"] = zeros ? "zeros" : count == 0 && out["header"].is_null() ? "nothing of spliced's" : "data of spliced's";
  return out;
}

std::string text_of_sector(const Json& sector) {
  const auto offset = sector.at("offset").get<std::uint64_t>();
  std::string out = fmt::format("{:>16}  ", offset);
  for (const Json& tag : sector.at("tags")) {
    const auto belongs = tag.at("offset").get<std::uint64_t>();
    out += fmt::format("pass {} of {}, job {}, device {}; ", tag.at("pass").get<unsigned>(),
                       belongs == offset ? "this place" : fmt::format("offset {}", belongs),
                       tag.at("job").get<std::string>(), tag.at("device").get<std::string>());
  }
  if (const Json& header = sector.at("header"); header.is_object()) {
    out += fmt::format("header: run {}, device {}, offset {}, pass {}, seed {}, interval {}, {}; ",
                       header.at("run_id").get<std::string>(), header.at("device").get<std::string>(),
                       header.at("offset").get<std::uint64_t>(), header.at("pass").get<unsigned>(),
                       header.at("seed").get<std::uint64_t>(), header.at("interval").get<std::uint64_t>(),
                       header.at("payload").get<std::string>());
  }
  if (sector.at("tags").empty() && sector.at("header").is_null())
    return out + sector.at("what").get<std::string>() + "\n";
  return out.substr(0, out.size() - 2) + "\n";
}

util::Result<std::vector<std::byte>> read_at(const std::string& path, std::uint64_t offset, std::uint64_t length) {
  const util::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) return util::fail_errno(fmt::format("open {}", util::printable(path)), errno);
  std::vector<std::byte> data(length);
  std::size_t done = 0;
  while (done < length) {
    const ssize_t got = ::pread(fd.get(), data.data() + done, length - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return util::fail_errno(fmt::format("read {} at {}", util::printable(path), offset + done), errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  data.resize(done / verify::kSector * verify::kSector);
  return data;
}

int wrong(const std::string& message) {
  fmt::print(stderr, "splicectl: {}\n", message);
  return kUsage;
}

}  // namespace

int block(const std::string& path, const std::string& offset, const std::string& length, bool json) {
  const auto at = util::parse_size(offset), bytes = util::parse_size(length);
  if (!at) return wrong(at.error().message);
  if (!bytes) return wrong(bytes.error().message);
  if (*bytes == 0 || *bytes > kMost) return wrong(fmt::format("a length from 1 to {} is expected", kMost));
  const std::uint64_t begin = *at / verify::kSector * verify::kSector;
  const auto data = read_at(path, begin, util::round_up(*at + *bytes - begin, verify::kSector));
  if (!data) return wrong(data.error().message);
  if (data->empty()) return wrong(fmt::format("{} has nothing at {}", util::printable(path), begin));
  Json list = Json::array();
  std::size_t plain = 0;
  for (std::size_t done = 0; done < data->size(); done += verify::kSector) {
    const auto sector = std::span(*data).subspan(done, verify::kSector);
    if (const auto header = verify::read_header(sector)) plain = plain_words_of(header);
    list.push_back(sector_of(sector, begin + done, plain));
  }
  if (json) {
    print_json({{"path", path}, {"sectors", list}});
  } else {
    for (const Json& one : list) fmt::print("{}", text_of_sector(one));
  }
  return kPassed;
}

}  // namespace spliced::cli
