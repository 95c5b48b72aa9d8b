// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "spliced/device/target.h"

namespace spliced::device {

// Where a file lies, as far as that decides who uses it.
struct Whereabouts {
  std::optional<Place> place;
  std::vector<NodeId> directories;  // all those that lead to it
};

// Everything that uses `target`, at any depth of the device stack, one sentence each; empty when it is free.
//
// Upwards: it, a partition of it or something built on it is mounted, is swap or has a holder; a file is the backing of
// a loop device or lies in a layer of a mounted overlay. Downwards: what a loop, device-mapper or md device stands on
// is used by somebody else. Nodes with one WWN are one disk. A pure function of its arguments.
[[nodiscard]] std::vector<Refusal> find_holders(const NodeId& target, const BlockTopology& host,
                                                const Whereabouts& where = {});

// The target, first, and all that it stands on; one node stands for all paths to one disk. Pure.
[[nodiscard]] std::vector<NodeId> stack_of(const NodeId& target, const BlockTopology& host);

// What could not be read and might hide a use of `target`, one sentence each. Pure.
[[nodiscard]] std::vector<std::string> find_blind_spots(const NodeId& target, const BlockTopology& host);

// Uses of the file at `path`, without symbolic links, that are known by that path alone, because the file's inode could
// not be asked for. Pure.
[[nodiscard]] std::vector<Refusal> find_possible_holders(const std::string& path, const BlockTopology& host);

}  // namespace spliced::device
