// SPDX-License-Identifier: Apache-2.0
#include "loop_backings.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "read_text.h"
#include "spliced/util/unique_fd.h"

namespace spliced::device {
namespace {

constexpr int kRounds = 3;

std::optional<NodeId> id_of_path(const std::string& path) {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return std::nullopt;
  if (S_ISBLK(st.st_mode)) return block_id(st.st_rdev);
  return NodeId{false, st.st_dev, st.st_ino};
}

struct Told {
  bool attached = true;  // still
  std::optional<NodeId> backing;
  bool lost = false;
};

// The path is for those who may not open the device.
Told ask_driver(const std::string& node, const std::string& path) {
  const util::UniqueFd fd(::open(node.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  loop_info64 info{};
  if (fd && ::ioctl(fd.get(), LOOP_GET_STATUS64, &info) == 0) {
    if (info.lo_rdevice != 0) return {true, block_id(static_cast<dev_t>(info.lo_rdevice))};
    return {true, NodeId{false, static_cast<dev_t>(info.lo_device), static_cast<ino_t>(info.lo_inode)}};
  }
  // Not attached; or, where it cannot even be opened, being detached, when the driver takes no more writes; or there is
  // no such device any more.
  if (errno == ENXIO || errno == ENODEV) return {false, {}};
  const bool lost = errno == ENOTCONN;
  return {true, id_of_path(path), lost};
}

}  // namespace

// Loop devices come and go at any time: where there was no answer and by now nothing, or another file, is attached,
// there is nothing to be known of the one before.
void LoopBackings::fill(std::vector<BlockNode>& nodes, const HostPaths& host) {
  const util::Nanos until = util::system_clock().now() + kLimit;
  std::vector<BlockNode*> open;
  for (BlockNode& node : nodes) {
    if (!node.backing_path.empty()) open.push_back(&node);
  }
  for (int round = 0; round < kRounds && !open.empty(); ++round) {
    ask(open, host.dev, until);
    std::erase_if(open, [&](BlockNode* node) {
      return node->backing_path.empty() || node->backing || !has_changed(*node, host.sys);
    });
  }
}

// Whether it is attached anew, as the node tells then.
bool LoopBackings::has_changed(BlockNode& node, const std::string& sys) {
  const std::string directory = sys + "/block/" + node.name;
  std::string path = read_line(directory + "/loop/backing_file");
  const std::uint64_t sequence = std::strtoull(read_line(directory + "/diskseq").c_str(), nullptr, 10);
  if (path == node.backing_path && sequence == node.sequence) return false;
  node.backing_path = std::move(path);
  node.sequence = sequence;
  return !node.backing_path.empty();
}

void LoopBackings::ask(const std::vector<BlockNode*>& nodes, const std::string& dev, util::Nanos until) {
  struct Loop {
    std::string name, node, path;
    std::uint64_t sequence = 0;
  };
  const auto loops = std::make_shared<std::vector<Loop>>();
  std::vector<std::string> keys;
  for (const BlockNode* node : nodes) {
    loops->push_back({node->name, dev + "/" + node->name, node->backing_path, node->sequence});
    keys.push_back("the backing of " + node->name);
  }
  const auto question = [loops, cache = cache_](std::size_t index) {
    const Loop& loop = (*loops)[index];
    const Told told = ask_driver(loop.node, loop.path);
    if (told.backing) {
      const std::lock_guard lock(cache->mutex);
      cache->known[loop.name] = {loop.sequence, loop.path, *told.backing};
    }
    return told;
  };
  const auto answers = ask_each<Told>(lookout_, keys, question, kPatience, until);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    BlockNode& node = *nodes[i];
    if (const auto& answer = answers[i]) {
      node.backing = answer->backing;
      node.backing_lost = answer->lost;
      if (!answer->attached) node.backing_path.clear();  // it was detached since sysfs was read
    } else {
      const std::lock_guard lock(cache_->mutex);
      const auto known = cache_->known.find(node.name);
      const bool same = known != cache_->known.end() && known->second.sequence == node.sequence &&
                        known->second.path == node.backing_path;
      if (same) node.backing = known->second.backing;
    }
  }
}

}  // namespace spliced::device
