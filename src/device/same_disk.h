// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>

#include "spliced/device/block_topology.h"

namespace spliced::device {

// Several nodes can be one disk: the two paths to a disk in a SAS shelf have one WWN. Gives each node the one that
// stands for all of them; any other node, and any file, stands for itself.
class SameDisk {
 public:
  explicit SameDisk(const BlockTopology& host);
  [[nodiscard]] NodeId operator()(const NodeId& node) const;

 private:
  std::map<dev_t, dev_t> first_;
};

}  // namespace spliced::device
