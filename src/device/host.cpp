#include "spliced/device/host.h"

#include <libmount/libmount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include "loop_backings.h"
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

void add_mounts(const std::string& mountinfo, bool own, std::set<std::pair<dev_t, std::string>>& seen,
                std::vector<MountPoint>& out) {
  const Table table(mnt_new_table_from_file(mountinfo.c_str()));
  for_each_entry(table.get(), [&](libmnt_fs* entry) {
    MountPoint mount;
    mount.device = mnt_fs_get_devno(entry);
    mount.own = own;
    mount.target = text_or_empty(mnt_fs_get_target(entry));
    mount.type = text_or_empty(mnt_fs_get_fstype(entry));
    if (!seen.emplace(mount.device, mount.target).second) return;
    const std::string source = text_or_empty(mnt_fs_get_srcpath(entry));
    if (source.starts_with('/')) mount.source_path = source;
    out.push_back(std::move(mount));
  });
}

bool is_process(const std::string& name) {
  return !name.empty() && name.find_first_not_of("0123456789") == name.npos;
}

// One mountinfo per mount namespace: a disk that is mounted in a container only is mounted all the same.
std::vector<MountPoint> read_mounts(const HostPaths& paths) {
  std::vector<MountPoint> mounts;
  std::set<std::pair<dev_t, std::string>> seen;
  std::set<std::string> namespaces;
  std::error_code error;
  add_mounts(paths.proc + "/self/mountinfo", true, seen, mounts);
  for (const auto& entry : fs::directory_iterator(paths.proc, error)) {
    const std::string process = entry.path();
    if (!is_process(entry.path().filename())) continue;
    char link[64] = {};
    if (::readlink((process + "/ns/mnt").c_str(), link, sizeof link - 1) < 0) continue;
    if (namespaces.insert(link).second) add_mounts(process + "/mountinfo", false, seen, mounts);
  }
  return mounts;
}

std::vector<SwapArea> read_swaps(const HostPaths& paths) {
  std::vector<SwapArea> swaps;
  const Table table(mnt_new_table());
  if (!table || mnt_table_parse_swaps(table.get(), (paths.proc + "/swaps").c_str()) != 0) return swaps;
  for_each_entry(table.get(), [&](libmnt_fs* entry) {
    swaps.push_back({NodeId{}, text_or_empty(mnt_fs_get_source(entry))});
  });
  return swaps;
}

// Image files of FUSE file systems and swap files: their own file systems may not answer.
constexpr util::Nanos kPatience = util::kSecond / 10;  // with one of them
constexpr util::Nanos kLimit = util::kSecond / 2;      // with all

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

void add_nodes(HostView& view, Lookout& lookout) {
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

const BlockNode* HostView::find(dev_t number) const {
  for (const auto& node : blocks) {
    if (node.number == number) return &node;
  }
  return nullptr;
}

const BlockNode* HostView::find(const std::string& name) const {
  for (const auto& node : blocks) {
    if (node.name == name) return &node;
  }
  return nullptr;
}

std::string HostView::file_system_of(dev_t device) const {
  for (const auto& mount : mounts) {
    if (mount.device == device) return mount.type;
  }
  return "unknown";
}

const MountPoint* HostView::mount_of(const std::string& path) const {
  const MountPoint* best = nullptr;
  for (const auto& mount : mounts) {
    const std::string& at = mount.target;
    const bool within = at == "/" || (path.starts_with(at) && (path.size() == at.size() || path[at.size()] == '/'));
    // The last one mounted at a place hides those before it.
    if (mount.own && within && (best == nullptr || at.size() >= best->target.size())) best = &mount;
  }
  return best;
}

HostReader::HostReader(HostPaths paths, Lookout& lookout)
    : paths_(std::move(paths)), lookout_(lookout), loops_(std::make_unique<LoopBackings>(lookout)) {}
HostReader::~HostReader() = default;

HostView HostReader::read() const {
  HostView view{read_block_nodes(paths_), read_mounts(paths_), read_swaps(paths_)};
  add_nodes(view, lookout_);
  loops_->fill(view.blocks, paths_.dev);
  return view;
}

HostView read_host(const HostPaths& paths) {
  Lookout lookout;
  return HostReader(paths, lookout).read();
}

}  // namespace spliced::device
