// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/memory_limit.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string_view>
#include <vector>

namespace spliced::util {
namespace {

constexpr std::uint64_t kNoLimit = 1ULL << 60;  // bytes; version 1 says "none" with a number near 2^63

// What the files are called.
struct Names {
  std::vector<const char*> limits;
  const char* usage;
  std::vector<std::string_view> reclaimable;  // of memory.stat
};
const Names kVersion1{{"memory.limit_in_bytes"}, "memory.usage_in_bytes", {"total_inactive_file", "total_active_file"}};
// Beyond memory.high the group is slowed down until it stands still.
const Names kVersion2{
    {"memory.max", "memory.high"}, "memory.current", {"inactive_file", "active_file", "slab_reclaimable"}};

// A hierarchy in which memory is limited, as it is mounted.
struct Mount {
  std::string top;    // the group that is seen at `point`
  std::string point;  // where
  bool version1 = false;
};

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream in(path);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t out = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), out);
  return parsed.ec == std::errc() ? std::optional(out) : std::nullopt;
}

// "max" is no number.
std::optional<std::uint64_t> read_number(const std::string& path) {
  const auto lines = lines_of(path);
  return lines.empty() ? std::nullopt : parse_number(lines.front());
}

bool has_word(const std::string& list, std::string_view word) {
  std::istringstream in(list);
  for (std::string one; std::getline(in, one, ',');) {
    if (one == word) return true;
  }
  return false;
}

// mountinfo writes blanks and backslashes in octal.
std::string unescape(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool octal = text[i] == '\\' && i + 3 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '3';
    out +=
        octal ? static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0')) : text[i];
    if (octal) i += 3;
  }
  return out;
}

// "36 31 0:33 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory"
std::optional<Mount> parse_mount(const std::string& line) {
  std::istringstream in(line);
  std::string id, parent, number, top, point, word, type, source, options;
  in >> id >> parent >> number >> top >> point;
  while (in >> word && word != "-") {
  }
  in >> type >> source >> options;
  const bool version1 = type == "cgroup" && has_word(options, "memory");
  if (!version1 && type != "cgroup2") return std::nullopt;
  return Mount{unescape(top), unescape(point), version1};
}

// The process's group in a hierarchy: "4:memory:/a/b", "0::/a/b".
std::optional<std::string> own_group(const std::vector<std::string>& groups, bool version1) {
  for (const auto& line : groups) {
    const auto first = line.find(':');
    const auto second = first == line.npos ? first : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool wanted = version1 ? has_word(controllers, "memory") : controllers.empty() && line.starts_with("0:");
    if (wanted) return line.substr(second + 1);
  }
  return std::nullopt;
}

// `group` as seen from the top of a mount: "" for the top itself. Both are told from the root of the process's cgroup
// namespace. A mount from outside of it has a top such as "/..", and shows groups above that root: of those only the
// top is sure to be one of the process's own. A group outside of what is mounted cannot be seen.
std::optional<std::string> below_top(const std::string& group, const std::string& top) {
  if (top.starts_with("/..")) return "";
  const std::string prefix = top == "/" ? "" : top;
  if (!group.starts_with(prefix) || group.starts_with("/..")) return std::nullopt;
  const std::string rest = group.substr(prefix.size());
  if (rest == "/") return "";
  return rest.empty() || rest.front() == '/' ? std::optional(rest) : std::nullopt;
}

std::uint64_t used_by(const std::string& directory, const Names& names) {
  const std::uint64_t charged = read_number(directory + "/" + names.usage).value_or(0);
  std::uint64_t cached = 0;
  for (const auto& line : lines_of(directory + "/memory.stat")) {
    const auto blank = line.find(' ');
    const std::string_view key = std::string_view(line).substr(0, blank);
    if (blank == line.npos ||
        std::find(names.reclaimable.begin(), names.reclaimable.end(), key) == names.reclaimable.end())
      continue;
    cached += parse_number(std::string_view(line).substr(blank + 1)).value_or(0);
  }
  return charged - std::min(charged, cached);
}

void keep_tighter(std::optional<MemoryBound>& best, MemoryBound next) {
  if (!best || next.left() < best->left()) best = std::move(next);
}

void look_at(const std::string& root, const std::string& directory, const Names& names,
             std::optional<MemoryBound>& best) {
  for (const char* name : names.limits) {
    const auto limit = read_number(root + directory + "/" + name);
    if (!limit || *limit >= kNoLimit) continue;
    keep_tighter(best, {*limit, used_by(root + directory, names), directory + "/" + name});
  }
}

// "MemAvailable:    1234 kB" (proc_meminfo(5)), in bytes.
std::optional<std::uint64_t> field_of(const std::vector<std::string>& lines, std::string_view name) {
  for (const auto& line : lines) {
    const std::string_view text = line;
    if (!text.starts_with(name) || text.substr(name.size(), 1) != ":") continue;
    const auto digit = text.find_first_of("0123456789");
    if (digit == text.npos) return std::nullopt;
    const auto kilobytes = parse_number(text.substr(digit));
    return kilobytes ? std::optional(*kilobytes * 1024) : std::nullopt;
  }
  return std::nullopt;
}

// What the machine has, and how much of that the kernel could give without swapping.
std::optional<MemoryBound> machine_memory(const std::string& root) {
  const std::string path = "/proc/meminfo";
  const auto lines = lines_of(root + path);
  const auto total = field_of(lines, "MemTotal");
  const auto available = field_of(lines, "MemAvailable");
  if (!total || !available) return std::nullopt;
  return MemoryBound{*total, *total - std::min(*total, *available), path};
}

}  // namespace

std::optional<MemoryBound> MemoryLimit::read() const {
  const auto groups = lines_of(root_ + "/proc/self/cgroup");
  std::optional<MemoryBound> best = machine_memory(root_);
  for (const auto& line : lines_of(root_ + "/proc/self/mountinfo")) {
    const auto mount = parse_mount(line);
    if (!mount) continue;
    const auto group = own_group(groups, mount->version1);
    auto below = group ? below_top(*group, mount->top) : std::nullopt;
    for (; below; below = below->empty() ? std::nullopt : std::optional(below->substr(0, below->rfind('/')))) {
      look_at(root_, mount->point + *below, mount->version1 ? kVersion1 : kVersion2, best);
    }
  }
  return best;
}

}  // namespace spliced::util
