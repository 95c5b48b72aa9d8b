// SPDX-License-Identifier: Apache-2.0
#include "spliced/device/block_topology.h"

#include <fmt/format.h>
#include <libmount/libmount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <tuple>

#include "layers.h"
#include "loop_backings.h"
#include "read_text.h"
#include "spliced/device/lookout.h"
#include "sysfs.h"

namespace fs = std::filesystem;

namespace spliced::device {
namespace {

struct FreeTable {
  void operator()(libmnt_table* table) const { mnt_unref_table(table); }
};
struct FreeIter {
  void operator()(libmnt_iter* iter) const { mnt_free_iter(iter); }
};
using Table = std::unique_ptr<libmnt_table, FreeTable>;
using Iter = std::unique_ptr<libmnt_iter, FreeIter>;

std::string text_or_empty(const char* text) {
  return text != nullptr ? text : "";
}

std::optional<NodeId> node_of_path(const std::string& path) {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return std::nullopt;
  if (S_ISBLK(st.st_mode)) return block_id(st.st_rdev);
  if (S_ISREG(st.st_mode)) return NodeId{false, st.st_dev, st.st_ino};
  return std::nullopt;
}

template <class Each>
void for_each_entry(libmnt_table* table, Each&& each) {
  if (table == nullptr) return;
  const Iter iter(mnt_new_iter(MNT_ITER_FORWARD));
  libmnt_fs* entry = nullptr;
  while (mnt_table_next_fs(table, iter.get(), &entry) == 0) each(entry);
}

using Seen = std::set<std::tuple<dev_t, std::string, std::string>>;

Table parse(const std::string& mountinfo) {
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  // The library only reads what it is given.
  const std::unique_ptr<std::FILE, Close> file(::fmemopen(const_cast<char*>(mountinfo.data()), mountinfo.size(), "r"));
  Table table(mnt_new_table());
  if (!file || !table || mnt_table_parse_stream(table.get(), file.get(), "mountinfo") != 0) return nullptr;
  return table;
}

// All mounts of the namespace of one process; those that are not `seen` in another one go to `view` as well.
std::vector<MountPoint> add_mounts(const std::string& mountinfo, bool own, Seen& seen, BlockTopology& view) {
  std::vector<MountPoint> all;
  const Table table = parse(mountinfo);
  for_each_entry(table.get(), [&](libmnt_fs* entry) {
    MountPoint mount;
    mount.device = mnt_fs_get_devno(entry);
    mount.own = own;
    mount.target = text_or_empty(mnt_fs_get_target(entry));
    mount.type = text_or_empty(mnt_fs_get_fstype(entry));
    mount.root = text_or_empty(mnt_fs_get_root(entry));
    mount.options = text_or_empty(mnt_fs_get_fs_options(entry));
    mount.id = mnt_fs_get_id(entry);
    mount.own = own;
    const std::string source = text_or_empty(mnt_fs_get_srcpath(entry));
    if (source.starts_with('/')) mount.source_path = source;
    all.push_back(mount);
    if (seen.emplace(mount.device, mount.target, mount.root).second) view.mounts.push_back(std::move(mount));
  });
  return all;
}

bool is_process(const std::string& name) {
  return !name.empty() && name.find_first_not_of("0123456789") == name.npos;
}

void read_namespace(const std::string& process, bool own, Seen& seen, BlockTopology& view,
                    std::vector<Overlay>& overlays) {
  const auto mountinfo = read_text(process + "/mountinfo");
  if (mountinfo) {
    const auto mounts = std::make_shared<std::vector<MountPoint>>(add_mounts(*mountinfo, own, seen, view));
    for (auto& overlay : find_overlays(*mountinfo, mounts, own ? "" : process + "/root")) {
      overlays.push_back(std::move(overlay));
    }
    if (!own || !mounts->empty()) return;
  } else if (!own) {
    return;  // of a process that ended, or may not be looked at
  }
  view.blind_spots.push_back(mountinfo ? fmt::format("{}/mountinfo names no mount, which cannot be", process)
                                       : cannot_read(mountinfo.error()));
}

// One mountinfo per mount namespace: a disk that is mounted in a container only is mounted all the same.
// Returns the overlays among the mounts.
std::vector<Overlay> read_mounts(const HostPaths& paths, BlockTopology& view) {
  std::vector<Overlay> overlays;
  Seen seen;
  std::set<std::string> namespaces;
  std::error_code error;
  read_namespace(paths.proc + "/self", true, seen, view, overlays);
  char own[64] = {};
  if (::readlink((paths.proc + "/self/ns/mnt").c_str(), own, sizeof own - 1) > 0) namespaces.insert(own);
  for (const auto& entry : fs::directory_iterator(paths.proc, error)) {
    const std::string process = entry.path();
    if (!is_process(entry.path().filename())) continue;
    char link[64] = {};
    if (::readlink((process + "/ns/mnt").c_str(), link, sizeof link - 1) < 0) continue;
    if (namespaces.insert(link).second) read_namespace(process, false, seen, view, overlays);
  }
  return overlays;
}

// A kernel without swap has no such file; one with swap always writes a heading into it.
void read_swaps(const HostPaths& paths, BlockTopology& view) {
  const std::string file = paths.proc + "/swaps";
  const auto text = read_text(file);
  if (!text && text.error().sys_errno == ENOENT) return;
  const Table table(mnt_new_table());
  if (!text || text->empty() || !table || mnt_table_parse_swaps(table.get(), file.c_str()) != 0) {
    view.blind_spots.push_back(text ? fmt::format("{} holds nothing that can be read", file)
                                    : cannot_read(text.error()));
    return;
  }
  for_each_entry(table.get(), [&](libmnt_fs* entry) {
    view.swaps.push_back({NodeId{}, text_or_empty(mnt_fs_get_source(entry))});
  });
}

// Image files of FUSE file systems, swap files and layers of overlays: their own file systems may not answer.
constexpr util::Nanos kPatience = util::kSecond / 10;  // with one of them
constexpr util::Nanos kLimit = util::kSecond / 2;      // with all

void add_layers(BlockTopology& view, std::vector<Overlay> overlays, Lookout& lookout) {
  const auto list = std::make_shared<const std::vector<Overlay>>(std::move(overlays));
  std::vector<std::string> keys;
  for (const auto& overlay : *list) keys.push_back("the layers of " + overlay.root + overlay.merged);
  const auto answers = ask_each<FoundLayers>(
      lookout, keys, [list](std::size_t index) { return ask_for_layers((*list)[index]); }, kPatience,
      util::system_clock().now() + kLimit);
  for (std::size_t i = 0; i < list->size(); ++i) {
    for (auto& layer : layers_of((*list)[i], answers[i].value_or(FoundLayers{}))) {
      view.layers.push_back(std::move(layer));
    }
  }
}

std::map<std::string, NodeId> find_nodes(const std::set<std::string>& paths, Lookout& lookout) {
  const auto list = std::make_shared<std::vector<std::string>>(paths.begin(), paths.end());
  const auto answers = ask_each<std::optional<NodeId>>(
      lookout, *list, [list](std::size_t index) { return node_of_path((*list)[index]); }, kPatience,
      util::system_clock().now() + kLimit);
  std::map<std::string, NodeId> nodes;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i] && *answers[i]) nodes[(*list)[i]] = **answers[i];
  }
  return nodes;
}

void add_nodes(BlockTopology& view, Lookout& lookout) {
  std::set<std::string> paths;
  for (const auto& mount : view.mounts) {
    if (!mount.source_path.empty()) paths.insert(mount.source_path);
  }
  for (const auto& swap : view.swaps) paths.insert(swap.path);
  const auto nodes = find_nodes(paths, lookout);
  for (auto& mount : view.mounts) {
    if (const auto found = nodes.find(mount.source_path); found != nodes.end()) mount.source = found->second;
  }
  for (auto& swap : view.swaps) {
    if (const auto found = nodes.find(swap.path); found != nodes.end()) swap.node = found->second;
  }
}

}  // namespace

NodeId block_id(dev_t number) {
  return {true, number, 0};
}

std::string node_path(std::string kernel_name) {
  std::replace(kernel_name.begin(), kernel_name.end(), '!', '/');
  return "/dev/" + kernel_name;
}

const BlockNode* BlockTopology::find(dev_t number) const {
  for (const auto& node : blocks) {
    if (node.number == number) return &node;
  }
  return nullptr;
}

const BlockNode* BlockTopology::find(const std::string& name) const {
  for (const auto& node : blocks) {
    if (node.name == name) return &node;
  }
  return nullptr;
}

std::string BlockTopology::file_system_of(dev_t device) const {
  for (const auto& mount : mounts) {
    if (mount.device == device) return mount.type;
  }
  return "unknown";
}

std::vector<dev_t> BlockTopology::pool_of(dev_t disk) const {
  for (const auto& pool : pools) {
    if (std::find(pool.begin(), pool.end(), disk) != pool.end()) return pool;
  }
  return {disk};
}

const MountPoint* BlockTopology::mount(int id) const {
  for (const auto& mount : mounts) {
    if (mount.own && mount.id == id) return &mount;
  }
  return nullptr;
}

std::optional<Place> BlockTopology::place_of(const std::string& path) const {
  return place_in(mounts, path, [](const MountPoint& mount) { return mount.own; });
}

HostReader::HostReader(HostPaths paths, Lookout& lookout)
    : paths_(std::move(paths)), lookout_(lookout), loops_(std::make_unique<LoopBackings>(lookout)) {}
HostReader::~HostReader() = default;

BlockTopology HostReader::read() const {
  BlockTopology view;
  view.blocks = read_block_nodes(paths_, view.blind_spots);
  view.pools = read_pools(paths_);
  std::vector<Overlay> overlays = read_mounts(paths_, view);
  read_swaps(paths_, view);
  add_layers(view, std::move(overlays), lookout_);
  add_nodes(view, lookout_);
  loops_->fill(view.blocks, paths_);
  return view;
}

BlockTopology read_host(const HostPaths& paths) {
  Lookout lookout;
  return HostReader(paths, lookout).read();
}

}  // namespace spliced::device
