// SPDX-License-Identifier: Apache-2.0
#include "zoned.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "read_text.h"

namespace spliced::device {
namespace {

constexpr const char* kMissing = "missing";  // stands in `zoned_unknown` until all disks were read

std::uint64_t number_in(const std::string& path) {
  return std::strtoull(read_line(path).c_str(), nullptr, 10);
}

std::string with_commas(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
  return text;
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::uint64_t mib = 1 << 20;
  return bytes % mib == 0 ? fmt::format("{} MiB", bytes / mib) : fmt::format("{} bytes", bytes);
}

}  // namespace

void read_zoned(const std::string& disk, BlockNode& node) {
  const std::string file = disk + "/queue/zoned";
  const auto text = read_text(file);
  if (!text) {
    node.zoned_unknown = text.error().sys_errno == ENOENT ? kMissing : cannot_read(text.error());
    return;
  }
  const std::string model = text->substr(0, text->find('\n'));
  // Host-aware disks take any write.
  if (model == "none" || model == "host-aware") return;
  if (model != "host-managed") {
    node.zoned_unknown = fmt::format("{} says \"{}\", which is not known", file, model);
    return;
  }
  const std::string queue = disk + "/queue/";
  node.zoned = Zoned{model,
                     number_in(queue + "chunk_sectors") * 512,  // whatever the device's sectors
                     number_in(queue + "nr_zones"),
                     number_in(queue + "max_open_zones"),
                     number_in(queue + "max_active_zones"),
                     number_in(queue + "zone_write_granularity")};
}

void clear_unknown_zones(std::vector<BlockNode>& nodes) {
  const bool any = std::any_of(nodes.begin(), nodes.end(), [](auto& node) { return node.zoned_unknown != kMissing; });
  for (auto& node : nodes) {
    if (node.zoned_unknown != kMissing) continue;
    node.zoned_unknown = any ? fmt::format("{} has no queue/zoned in sysfs, which others have", node.name) : "";
  }
}

std::string zoned_refusal(const BlockNode& node, const BlockTopology& host) {
  const BlockNode* disk = node.is_partition() ? host.find(node.whole) : nullptr;
  const std::string on = disk == nullptr ? "" : fmt::format("lies on {}, which ", disk->name);
  return fmt::format(
      "{}is a host-managed zoned disk ({} zones of {}): only reading is offered; to write it, zone by zone, is not "
      "possible yet",
      on, with_commas(node.zoned->zones), size_text(node.zoned->zone_bytes));
}

}  // namespace spliced::device
