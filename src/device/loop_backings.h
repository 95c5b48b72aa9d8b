// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "spliced/device/block_topology.h"
#include "spliced/device/lookout.h"

namespace spliced::device {

// What loop devices write to. The driver knows the inode, even of a file that was deleted or lies in another mount
// namespace, but asking it (LOOP_GET_STATUS64) waits for the file's server, which may be dead: so it is asked on a
// thread of its own, and what was known of the same attachment stands in for an answer that does not come.
// Thread-safe.
class LoopBackings {
 public:
  static constexpr util::Nanos kPatience = util::kSecond / 10;  // with one loop device
  static constexpr util::Nanos kLimit = util::kSecond / 2;      // with all of them

  explicit LoopBackings(Lookout& lookout) : lookout_(lookout) {}
  // Fills in `backing` of those among `nodes` that have a file, as far as it can be told.
  void fill(std::vector<BlockNode>& nodes, const HostPaths& host);

 private:
  void ask(const std::vector<BlockNode*>& nodes, const std::string& dev, util::Nanos until);
  [[nodiscard]] static bool has_changed(BlockNode& node, const std::string& sys);
  // An attachment: the same as long as sequence number and path are.
  struct Known {
    std::uint64_t sequence = 0;
    std::string path;
    NodeId backing;
  };
  struct Cache {
    std::mutex mutex;
    std::map<std::string, Known> known;  // by kernel name
  };

  Lookout& lookout_;
  const std::shared_ptr<Cache> cache_ = std::make_shared<Cache>();  // late answers find it, too
};

}  // namespace spliced::device
