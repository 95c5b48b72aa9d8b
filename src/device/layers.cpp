#include "layers.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <sstream>
#include <string_view>

#include "overlay.h"

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

// Asking a server that is gone would block for good; what is local is asked.
std::optional<NodeId> inode_of(const std::vector<MountPoint>& mounts, const std::string& path,
                               const std::string& root) {
  struct stat st {};
  if (!is_local(mount_of(mounts, path, any_mount)) || ::stat((root + path).c_str(), &st) != 0) return std::nullopt;
  return NodeId{false, st.st_dev, st.st_ino};
}

// Container engines give the layers below relative to a directory above the upper one, to keep the options short.
std::string absolute(const LayerName& layer, const std::vector<LayerName>& all, const std::vector<MountPoint>& mounts,
                     const std::string& root) {
  if (layer.path.starts_with('/')) return layer.path;
  const auto upper = std::find_if(all.begin(), all.end(), [](auto& other) { return other.role == "upper"; });
  std::string directory = upper == all.end() ? "" : upper->path;
  while (directory.size() > 1) {
    directory.resize(directory.rfind('/'));
    std::string path = directory + "/" + layer.path;
    if (inode_of(mounts, path, root)) return path;
  }
  return layer.path;
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

std::vector<OverlayLayer> find_layers(const std::string& mountinfo, const std::vector<MountPoint>& mounts,
                                      const std::string& root) {
  std::vector<OverlayLayer> layers;
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(" - overlay ") == line.npos) continue;
    const int id = std::atoi(line.c_str());
    const auto mount = std::find_if(mounts.begin(), mounts.end(), [&](auto& m) { return m.id == id; });
    if (mount == mounts.end()) continue;
    const auto all = overlay_layers(super_options(line));
    for (const auto& name : all) {
      const std::string path = absolute(name, all, mounts, root);
      OverlayLayer layer{path, name.role, mount->target, place_in(mounts, path, any_mount), std::nullopt};
      // Its layers were named outside of a container whose root it is. In there, the name leads into the overlay.
      if (layer.place && layer.place->device == mount->device) continue;
      layer.node = inode_of(mounts, path, root);
      layers.push_back(std::move(layer));
    }
  }
  return layers;
}

}  // namespace spliced::device
