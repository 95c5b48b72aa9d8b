// SPDX-License-Identifier: Apache-2.0
#include "spliced/device/usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "same_disk.h"

namespace spliced::device {

using util::Reason;

namespace {

struct Use {
  std::string text;
  Reason reason = Reason::held;
  NodeId user;                // the device that sits on top, to tell a loop device's own use of its file from others;
                              // a file, which no device is, when it is a mount or swap
  bool by_partition = false;  // only a partition of this disk is used
};

constexpr std::size_t kMaxUses = 256;  // of one node; more reasons than anybody reads

// Who uses what, filled from the top of every device stack down to the disks and files below.
class UseMap {
 public:
  UseMap(const BlockTopology& host, const SameDisk& same) : host_(host), same_(same) {
    for (const auto& mount : host.mounts) mark_mount(mount);
    for (const auto& swap : host.swaps)
      mark(swap.node, {fmt::format("swap area {}", swap.path), Reason::swap, NodeId{}, false});
    for (const auto& block : host.blocks) {
      for (const auto& slave : block.slaves) {
        if (const auto* below = host.find(slave)) {
          mark(block_id(below->number),
               {fmt::format("held by {}", block.name), Reason::held, same_(block_id(block.number)), false});
        }
      }
      if (block.backing) {
        mark(*block.backing,
             {fmt::format("the backing of {}", block.name), Reason::held, same_(block_id(block.number)), false});
      }
    }
  }

  [[nodiscard]] const std::vector<Use>& of(const NodeId& node) const {
    static const std::vector<Use> none;
    const auto found = uses_.find(same_(node));
    return found == uses_.end() ? none : found->second;
  }

 private:
  // The number is what counts; btrfs has one of its own, and only its source leads to its disks.
  void mark_mount(const MountPoint& mount) {
    const Use use{fmt::format("mounted at {} ({})", mount.target, mount.type), Reason::mounted, NodeId{}, false};
    mark(block_id(mount.device), use);
    if (!mount.source || !mount.source->block || host_.find(mount.device) != nullptr) return;
    for (const dev_t disk : host_.pool_of(mount.source->device)) mark(block_id(disk), use);
  }

  void mark(const NodeId& any, const Use& use) {
    const NodeId node = same_(any);
    auto& uses = uses_[node];
    const auto same = [&](const Use& other) { return other.text == use.text && other.user == use.user; };
    // sysfs is read while devices come and go: a view with a circle in it must not be followed for ever.
    if (std::any_of(uses.begin(), uses.end(), same) || uses.size() >= kMaxUses) return;
    uses.push_back(use);
    const BlockNode* block = node.block ? host_.find(node.device) : nullptr;
    if (block == nullptr) return;
    if (block->is_partition()) {
      mark(block_id(block->whole),
           {fmt::format("its partition {} is {}", block->name, use.text), use.reason, use.user, true});
    }
    const Use below{fmt::format("under {}, which is {}", block->name, use.text), use.reason, node, false};
    for (const auto& slave : block->slaves) {
      if (const auto* slave_node = host_.find(slave)) mark(block_id(slave_node->number), below);
    }
    if (block->backing) mark(*block->backing, below);
  }

  const BlockTopology& host_;
  const SameDisk& same_;
  std::map<NodeId, std::vector<Use>> uses_;
};

class Search {
 public:
  Search(const BlockTopology& host, const NodeId& target, const Whereabouts& where)
      : host_(host), same_(host), map_(host, same_), target_(same_(target)) {
    collect(target_, "");
    if (!target.block) collect_layers(where, "");
  }
  [[nodiscard]] std::vector<Refusal> found() const {
    std::vector<Refusal> out;
    for (const auto& [text, reason] : uses_) out.push_back({text, reason});
    return out;
  }

 private:
  void collect(const NodeId& any, const std::string& prefix) {
    const NodeId node = same_(any);
    if (!visited_.insert(node).second) return;
    const bool below = !(node == target_);
    for (const auto& use : map_.of(node)) {
      // What stands on top of something below the target, and is the target or one of its own parts, is no stranger.
      if (below && visited_.contains(use.user)) continue;
      uses_.emplace(prefix + use.text, use.reason);
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
    const std::string written = fmt::format("{}what {} writes to ", prefix, block.name);
    if (block.backing) collect(*block.backing, written + "is ");
    if (!block.backing_path.empty()) collect_layers({host_.place_of(block.backing_path), {}}, written);
  }

  // A file in the layer of an overlay is seen, and may be held, under the name that it has in the merged view.
  void collect_layers(const Whereabouts& where, const std::string& prefix) {
    for (const auto& layer : host_.layers) {
      const auto& known = where.directories;
      const bool by_inode = layer.node && std::find(known.begin(), known.end(), *layer.node) != known.end();
      const bool by_place = layer.place && where.place && where.place->is_in(*layer.place);
      if (!by_inode && !by_place) continue;
      uses_.emplace(fmt::format("{}lies in {}, the {} directory of the overlay mounted at {}", prefix, layer.path,
                                layer.role, layer.merged),
                    Reason::held);
    }
  }

  // A partition is in use when its whole disk is, but not when only a sister partition is.
  void collect_disk(const BlockNode& partition, const std::string& prefix) {
    const BlockNode* disk = host_.find(partition.whole);
    if (disk == nullptr) return;
    const NodeId id = same_(block_id(disk->number));
    for (const auto& use : map_.of(id)) {
      if (use.by_partition) continue;
      uses_.emplace(fmt::format("{}the whole disk {} is {}", prefix, disk->name, use.text), use.reason);
    }
    // What the disk stands on is under the partition as well.
    if (visited_.insert(id).second) collect_below(*disk, prefix);
  }

  const BlockTopology& host_;
  const SameDisk same_;
  const UseMap map_;
  const NodeId target_;
  std::set<NodeId> visited_;
  std::map<std::string, Reason> uses_;  // by text
};

}  // namespace

std::vector<Refusal> find_holders(const NodeId& target, const BlockTopology& host, const Whereabouts& where) {
  return Search(host, target, where).found();
}

std::vector<NodeId> stack_of(const NodeId& target, const BlockTopology& host) {
  const SameDisk same(host);
  std::vector<NodeId> stack{same(target)};
  const auto add = [&](const NodeId& any) {
    const NodeId node = same(any);
    if (std::find(stack.begin(), stack.end(), node) == stack.end()) stack.push_back(node);
  };
  for (std::size_t i = 0; i < stack.size(); ++i) {
    const BlockNode* block = stack[i].block ? host.find(stack[i].device) : nullptr;
    if (block == nullptr) continue;
    if (block->is_partition()) add(block_id(block->whole));
    for (const auto& slave : block->slaves) {
      if (const auto* below = host.find(slave)) add(block_id(below->number));
    }
    if (block->backing) add(*block->backing);
  }
  return stack;
}

std::vector<Refusal> find_possible_holders(const std::string& path, const BlockTopology& host) {
  std::vector<Refusal> out;
  for (const auto& mount : host.mounts) {
    if (mount.source || mount.source_path.empty() || mount.source_path != path) continue;
    out.push_back(
        {fmt::format("mounted at {} ({}), as far as its path tells", mount.target, mount.type), Reason::mounted});
  }
  for (const auto& swap : host.swaps) {
    if (swap.node == NodeId{} && swap.path == path) {
      out.push_back({"a swap area, as far as its path tells", Reason::swap});
    }
  }
  return out;
}

}  // namespace spliced::device
