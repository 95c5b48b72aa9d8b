#pragma once
#include <functional>
#include <string>
#include <vector>

#include "spliced/device/host.h"

namespace spliced::device {

// Where `path` lies by those mounts of one namespace that `counts` is true for; nothing if none leads to it.
[[nodiscard]] std::optional<Place> place_in(const std::vector<MountPoint>& mounts, const std::string& path,
                                            const std::function<bool(const MountPoint&)>& counts);

// The layers of every overlay in one mountinfo. `root` leads to the root directory of its namespace. Asks the file
// systems of layers that are local for their inodes, others not.
[[nodiscard]] std::vector<OverlayLayer> find_layers(const std::string& mountinfo, const std::vector<MountPoint>& mounts,
                                                    const std::string& root);

}  // namespace spliced::device
