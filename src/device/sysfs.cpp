#include "sysfs.h"

#include <sys/sysmacros.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace fs = std::filesystem;

namespace spliced::device {
namespace {

std::uint64_t read_number(const std::string& path) {
  return std::strtoull(read_line(path).c_str(), nullptr, 10);
}

std::optional<dev_t> read_device_number(const std::string& directory) {
  const std::string text = read_line(directory + "/dev");
  unsigned major = 0;
  unsigned minor = 0;
  char colon = 0;
  std::istringstream in(text);
  if (!(in >> major >> colon >> minor) || colon != ':') return std::nullopt;
  return makedev(major, minor);
}

std::vector<std::string> list_names(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;  // a device may go away meanwhile
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    names.push_back(entry->path().filename());
  }
  return names;
}

std::string transport_of(const std::string& resolved, const std::string& name) {
  if (resolved.find("/usb") != std::string::npos) return "usb";
  if (name.starts_with("nvme")) return "nvme";
  if (resolved.find("/virtio") != std::string::npos) return "virtio";
  if (resolved.find("/ata") != std::string::npos) return "sata";
  if (resolved.find("/host") != std::string::npos) return "scsi";
  if (name.starts_with("loop")) return "loop";
  return "";
}

DeviceInfo read_info(const std::string& disk, const std::string& name) {
  DeviceInfo info;
  info.wwn = read_line(disk + "/wwid");
  if (info.wwn.empty()) info.wwn = read_line(disk + "/device/wwid");
  info.model = read_line(disk + "/device/model");
  info.serial = read_line(disk + "/device/serial");
  if (info.serial.empty()) info.serial = read_line(disk + "/serial");
  info.revision = read_line(disk + "/device/rev");
  if (info.revision.empty()) info.revision = read_line(disk + "/device/firmware_rev");
  info.rotational = read_line(disk + "/queue/rotational") == "1";
  std::error_code error;
  info.transport = transport_of(fs::canonical(disk, error).string(), name);
  return info;
}

BlockNode read_node(const std::string& name, const std::string& directory, dev_t number, const std::string& disk,
                    dev_t whole) {
  BlockNode node;
  node.name = name;
  node.number = number;
  node.whole = whole;
  node.size = read_number(directory + "/size") * 512;  // sysfs counts in 512-byte units whatever the device's sectors
  node.read_only = read_line(directory + "/ro") == "1";
  node.slaves = list_names(directory + "/slaves");
  const auto logical = read_number(disk + "/queue/logical_block_size");
  if (logical != 0) node.logical_block = static_cast<std::uint32_t>(logical);
  node.backing_path = read_line(directory + "/loop/backing_file");
  node.sequence = read_number(directory + "/diskseq");
  node.info = read_info(disk, name);
  return node;
}

}  // namespace

std::string read_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  while (!line.empty() && (line.back() == ' ' || line.back() == '\0')) line.pop_back();
  return line;
}

std::vector<BlockNode> read_block_nodes(const HostPaths& paths) {
  std::vector<BlockNode> nodes;
  for (const std::string& disk_name : list_names(paths.sys + "/block")) {
    const std::string disk = paths.sys + "/block/" + disk_name;
    const auto whole = read_device_number(disk);
    if (!whole) continue;
    nodes.push_back(read_node(disk_name, disk, *whole, disk, *whole));
    for (const std::string& part : list_names(disk)) {
      const std::string directory = disk + "/" + part;
      if (read_line(directory + "/partition").empty()) continue;
      if (const auto number = read_device_number(directory)) {
        nodes.push_back(read_node(part, directory, *number, disk, *whole));
      }
    }
  }
  return nodes;
}

std::vector<std::string> list_block_names(const HostPaths& paths) {
  std::vector<std::string> names = list_names(paths.sys + "/block");
  const std::size_t disks = names.size();
  for (std::size_t i = 0; i < disks; ++i) {
    const std::string disk = paths.sys + "/block/" + names[i];
    for (std::string& part : list_names(disk)) {
      if (!read_line(disk + "/" + part + "/partition").empty()) names.push_back(std::move(part));
    }
  }
  return names;
}

std::optional<KernelCounters> read_kernel_counters(dev_t number, const HostPaths& paths) {
  std::ifstream in(paths.sys + "/dev/block/" + std::to_string(major(number)) + ":" + std::to_string(minor(number)) +
                   "/stat");
  // Documentation/block/stat.rst: ios, merges, 512-byte sectors, milliseconds, for reads, writes, (3 fields), discards.
  std::uint64_t field[15] = {};
  for (auto& value : field) {
    if (!(in >> value)) return std::nullopt;
  }
  return KernelCounters{field[0], field[2] * 512, field[4], field[6] * 512, field[11], field[13] * 512};
}

}  // namespace spliced::device
