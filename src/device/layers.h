// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "overlay.h"
#include "spliced/device/block_topology.h"

namespace spliced::device {

// Where `path` lies by those mounts of one namespace that `counts` is true for; nothing if none leads to it.
[[nodiscard]] std::optional<Place> place_in(const std::vector<MountPoint>& mounts, const std::string& path,
                                            const std::function<bool(const MountPoint&)>& counts);

// An overlay as its mount namespace shows it.
struct Overlay {
  std::string merged;  // where it is mounted
  dev_t device = 0;
  std::string root;                                       // leads to the root directory of its namespace
  std::shared_ptr<const std::vector<MountPoint>> mounts;  // of its namespace
  std::vector<LayerName> names;
  // For each name the paths that it may mean and whose file systems are local: a server that is gone is not asked.
  std::vector<std::vector<std::string>> paths;
};

// Every overlay in one mountinfo. Asks nobody.
[[nodiscard]] std::vector<Overlay> find_overlays(const std::string& mountinfo,
                                                 const std::shared_ptr<const std::vector<MountPoint>>& mounts,
                                                 const std::string& root);

// What a layer's name was found to mean.
struct FoundLayer {
  std::string path;
  NodeId node;
};
using FoundLayers = std::vector<std::optional<FoundLayer>>;  // one for each name

// Asks the file systems, for which it may have to wait.
[[nodiscard]] FoundLayers ask_for_layers(const Overlay& overlay);

// The layers, those that were not found by their names alone; `found` is empty when nobody answered.
[[nodiscard]] std::vector<OverlayLayer> layers_of(const Overlay& overlay, const FoundLayers& found);

}  // namespace spliced::device
