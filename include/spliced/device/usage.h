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
[[nodiscard]] std::vector<std::string> find_uses(const NodeId& target, const HostView& host,
                                                 const Whereabouts& where = {});

// The target, first, and all that it stands on; one node stands for all paths to one disk. Pure.
[[nodiscard]] std::vector<NodeId> stack_of(const NodeId& target, const HostView& host);

// What could not be read and might hide a use of `target`, one sentence each. Pure.
[[nodiscard]] std::vector<std::string> find_blind_spots(const NodeId& target, const HostView& host);
// What could not be read at all, whatever it concerns.
[[nodiscard]] std::vector<std::string> all_blind_spots(const HostView& host);

// Uses that cannot be ruled out, because a file's inode could not be asked for: a loop device whose file lies on the
// same mount as the target, or is below it; a mount or swap area that is known by the target's path alone.
[[nodiscard]] std::vector<std::string> find_possible_uses(const TargetFacts& target, const HostView& host);

}  // namespace spliced::device
