#pragma once
#include <string>
#include <vector>

#include "spliced/device/target.h"

namespace spliced::device {

// Everything that uses `target`, at any depth of the device stack, one sentence each; empty when it is free.
//
// Upwards: it, a partition of it or something built on it is mounted, is swap or has a holder; a file is the backing of
// a loop device. Downwards: what a loop, device-mapper or md device stands on is used by somebody else.
// A pure function of its arguments.
[[nodiscard]] std::vector<std::string> find_uses(const NodeId& target, const HostView& host);

// Uses that cannot be ruled out, because a file's inode could not be asked for: a loop device whose file lies on the
// same mount as the target, or is below it; a mount or swap area that is known by the target's path alone.
[[nodiscard]] std::vector<std::string> find_possible_uses(const TargetFacts& target, const HostView& host);

}  // namespace spliced::device
