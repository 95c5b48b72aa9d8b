// SPDX-License-Identifier: Apache-2.0
#include "layers.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <sstream>
#include <string_view>

namespace spliced::device {
namespace {

constexpr std::array<std::string_view, 8> kLocal{"ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "f2fs", "overlay"};

// Whether `path` is `directory` or below it.
bool is_below(const std::string& path, const std::string& directory) {
  if (directory == "/" || path == directory) return true;
  return path.size() > directory.size() && path.starts_with(directory) && path[directory.size()] == '/';
}

// The mount that `path` lies on: the longest, and of several at one place the last.
const MountPoint* mount_of(const std::vector<MountPoint>& mounts, const std::string& path,
                           const std::function<bool(const MountPoint&)>& counts) {
  const MountPoint* best = nullptr;
  for (const auto& mount : mounts) {
    if (!counts(mount) || !is_below(path, mount.target)) continue;
    if (best == nullptr || mount.target.size() >= best->target.size()) best = &mount;
  }
  return best;
}

bool any_mount(const MountPoint&) {
  return true;
}

bool is_local(const MountPoint* mount) {
  return mount != nullptr && std::find(kLocal.begin(), kLocal.end(), mount->type) != kLocal.end();
}

// Container engines give the layers below relative to a directory above the upper one, to keep the options short.
std::vector<std::string> meanings_of(const LayerName& layer, const std::vector<LayerName>& all) {
  if (layer.path.starts_with('/')) return {layer.path};
  const auto upper = std::find_if(all.begin(), all.end(), [](auto& other) { return other.role == "upper"; });
  std::string directory = upper == all.end() ? "" : upper->path;
  std::vector<std::string> paths;
  while (directory.size() > 1) {
    directory.resize(directory.rfind('/'));
    paths.push_back(directory + "/" + layer.path);
  }
  return paths;
}

std::vector<std::string> local_meanings_of(const LayerName& layer, const std::vector<LayerName>& all,
                                           const std::vector<MountPoint>& mounts) {
  std::vector<std::string> paths = meanings_of(layer, all);
  std::erase_if(paths, [&](const auto& path) { return !is_local(mount_of(mounts, path, any_mount)); });
  return paths;
}

std::optional<FoundLayer> first_that_exists(const std::vector<std::string>& paths, const std::string& root) {
  for (const auto& path : paths) {
    struct stat st {};
    if (::stat((root + path).c_str(), &st) == 0) return FoundLayer{path, {false, st.st_dev, st.st_ino}};
  }
  return std::nullopt;
}

}  // namespace

bool Place::is_in(const Place& directory) const {
  return device == directory.device && is_below(inside, directory.inside);
}

std::optional<Place> place_in(const std::vector<MountPoint>& mounts, const std::string& path,
                              const std::function<bool(const MountPoint&)>& counts) {
  const MountPoint* mount = path.starts_with('/') ? mount_of(mounts, path, counts) : nullptr;
  if (mount == nullptr) return std::nullopt;
  const std::string rest = mount->target == "/" ? path : path.substr(mount->target.size());
  const std::string root = mount->root == "/" ? "" : mount->root;
  return Place{mount->device, root + rest == "" ? "/" : root + rest};
}

std::vector<Overlay> find_overlays(const std::string& mountinfo,
                                   const std::shared_ptr<const std::vector<MountPoint>>& mounts,
                                   const std::string& root) {
  std::vector<Overlay> overlays;
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(" - overlay ") == line.npos) continue;
    const int id = std::atoi(line.c_str());
    const auto mount = std::find_if(mounts->begin(), mounts->end(), [&](auto& m) { return m.id == id; });
    if (mount == mounts->end()) continue;
    Overlay overlay{mount->target, mount->device, root, mounts, overlay_layers(super_options(line)), {}};
    for (const auto& name : overlay.names) {
      overlay.paths.push_back(local_meanings_of(name, overlay.names, *mounts));
    }
    overlays.push_back(std::move(overlay));
  }
  return overlays;
}

FoundLayers ask_for_layers(const Overlay& overlay) {
  FoundLayers found;
  for (const auto& paths : overlay.paths) found.push_back(first_that_exists(paths, overlay.root));
  return found;
}

std::vector<OverlayLayer> layers_of(const Overlay& overlay, const FoundLayers& found) {
  std::vector<OverlayLayer> layers;
  for (std::size_t i = 0; i < overlay.names.size(); ++i) {
    const LayerName& name = overlay.names[i];
    const auto it = i < found.size() ? found[i] : std::nullopt;
    const std::string path = it ? it->path : name.path;
    OverlayLayer layer{path, name.role, overlay.merged, place_in(*overlay.mounts, path, any_mount), std::nullopt};
    // Its layers were named outside of a container whose root it is. In there, the name leads into the overlay.
    if (layer.place && layer.place->device == overlay.device) continue;
    if (it) layer.node = it->node;
    layers.push_back(std::move(layer));
  }
  return layers;
}

}  // namespace spliced::device
