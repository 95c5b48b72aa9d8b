#include "spliced/device/usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace spliced::device {
namespace {

struct Use {
  std::string reason;
  NodeId user;                // the device that sits on top, to tell a loop device's own use of its file from others;
                              // a file, which no device is, when it is a mount or swap
  bool by_partition = false;  // only a partition of this disk is used
};

constexpr std::size_t kMaxUses = 256;  // of one node; more reasons than anybody reads

// Who uses what, filled from the top of every device stack down to the disks and files below.
class UseMap {
 public:
  explicit UseMap(const HostView& host) : host_(host) {
    for (const auto& mount : host.mounts) {
      // The number is what counts; btrfs has one of its own, and only its source leads to the disk.
      const Use use{fmt::format("mounted at {} ({})", mount.target, mount.type), NodeId{}, false};
      mark(block_id(mount.device), use);
      if (mount.source && mount.source->block && host.find(mount.device) == nullptr) mark(*mount.source, use);
    }
    for (const auto& swap : host.swaps) mark(swap.node, {fmt::format("swap area {}", swap.path), NodeId{}, false});
    for (const auto& block : host.blocks) {
      for (const auto& slave : block.slaves) {
        if (const auto* below = host.find(slave)) {
          mark(block_id(below->number), {fmt::format("held by {}", block.name), block_id(block.number), false});
        }
      }
      if (block.backing) {
        mark(*block.backing, {fmt::format("the backing of {}", block.name), block_id(block.number), false});
      }
    }
  }

  [[nodiscard]] const std::vector<Use>& of(const NodeId& node) const {
    static const std::vector<Use> none;
    const auto found = uses_.find(node);
    return found == uses_.end() ? none : found->second;
  }

 private:
  void mark(const NodeId& node, const Use& use) {
    auto& uses = uses_[node];
    const auto same = [&](const Use& other) { return other.reason == use.reason && other.user == use.user; };
    // sysfs is read while devices come and go: a view with a circle in it must not be followed for ever.
    if (std::any_of(uses.begin(), uses.end(), same) || uses.size() >= kMaxUses) return;
    uses.push_back(use);
    const BlockNode* block = node.block ? host_.find(node.device) : nullptr;
    if (block == nullptr) return;
    if (block->is_partition()) {
      mark(block_id(block->whole), {fmt::format("its partition {} is {}", block->name, use.reason), use.user, true});
    }
    const Use below{fmt::format("under {}, which is {}", block->name, use.reason), node, false};
    for (const auto& slave : block->slaves) {
      if (const auto* slave_node = host_.find(slave)) mark(block_id(slave_node->number), below);
    }
    if (block->backing) mark(*block->backing, below);
  }

  const HostView& host_;
  std::map<NodeId, std::vector<Use>> uses_;
};

class Search {
 public:
  Search(const HostView& host, const NodeId& target) : host_(host), map_(host), target_(target) { collect(target, ""); }
  [[nodiscard]] std::vector<std::string> found() const { return {reasons_.begin(), reasons_.end()}; }

 private:
  void collect(const NodeId& node, const std::string& prefix) {
    if (!visited_.insert(node).second) return;
    const bool below = !(node == target_);
    for (const auto& use : map_.of(node)) {
      // What stands on top of something below the target, and is the target or one of its own parts, is no stranger.
      if (below && visited_.contains(use.user)) continue;
      reasons_.insert(prefix + use.reason);
    }
    const BlockNode* block = node.block ? host_.find(node.device) : nullptr;
    if (block == nullptr) return;
    if (block->is_partition()) collect_disk(*block, prefix);
    collect_below(*block, prefix);
  }

  void collect_below(const BlockNode& block, const std::string& prefix) {
    for (const auto& slave : block.slaves) {
      if (const auto* under = host_.find(slave)) {
        collect(block_id(under->number), fmt::format("{}{} below it is ", prefix, under->name));
      }
    }
    if (block.backing) collect(*block.backing, fmt::format("{}what {} writes to is ", prefix, block.name));
  }

  // A partition is in use when its whole disk is, but not when only a sister partition is.
  void collect_disk(const BlockNode& partition, const std::string& prefix) {
    const BlockNode* disk = host_.find(partition.whole);
    if (disk == nullptr) return;
    for (const auto& use : map_.of(block_id(disk->number))) {
      if (!use.by_partition) reasons_.insert(fmt::format("{}the whole disk {} is {}", prefix, disk->name, use.reason));
    }
    // What the disk stands on is under the partition as well.
    if (visited_.insert(block_id(disk->number)).second) collect_below(*disk, prefix);
  }

  const HostView& host_;
  const UseMap map_;
  const NodeId target_;
  std::set<NodeId> visited_;
  std::set<std::string> reasons_;
};

}  // namespace

std::vector<std::string> find_uses(const NodeId& target, const HostView& host) {
  return Search(host, target).found();
}

}  // namespace spliced::device
