// SPDX-License-Identifier: Apache-2.0
#include "sysfs.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "read_text.h"
#include "zoned.h"

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

// The devices in `directory`, one that every disk has; a device that went away meanwhile is no blind spot.
std::vector<std::string> list_devices(const std::string& directory, const std::string& device,
                                      std::vector<std::string>& blind_spots) {
  auto names = read_names(directory);
  if (names) return std::move(*names);
  struct stat st {};
  if (::stat(device.c_str(), &st) == 0) blind_spots.push_back(cannot_read(names.error()));
  return {};
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

// SCSI and ATA disks tell it in a page of vital product data alone: four bytes, the last two of them the length, and
// the number in ASCII, padded on either side. "" when there is none.
std::string read_serial_page(const std::string& path) {
  constexpr std::size_t kHeader = 4;
  const auto page = read_text(path);
  if (!page || page->size() < kHeader) return "";
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>((*page)[i]); };
  std::string serial = page->substr(kHeader, (std::size_t{byte(2)} << 8) + byte(3));
  std::erase_if(serial, [](char c) { return c < ' ' || c > '~'; });
  const std::size_t first = serial.find_first_not_of(' ');
  if (first == std::string::npos) return "";
  return serial.substr(first, serial.find_last_not_of(' ') - first + 1);
}

// A disk with one actuator has none of these.
std::vector<std::uint64_t> read_access_ranges(const std::string& directory) {
  std::vector<std::uint64_t> out;
  std::error_code error;
  for (const auto& range : fs::directory_iterator(directory, error))
    out.push_back(read_number(range.path().string() + "/sector") * 512);
  std::sort(out.begin(), out.end());
  return out;
}

DeviceInfo read_info(const std::string& disk, const std::string& name) {
  DeviceInfo info;
  info.wwn = read_line(disk + "/wwid");
  if (info.wwn.empty()) info.wwn = read_line(disk + "/device/wwid");
  info.model = read_line(disk + "/device/model");
  info.vendor = read_line(disk + "/device/vendor");
  info.serial = read_line(disk + "/device/serial");
  if (info.serial.empty()) info.serial = read_line(disk + "/serial");
  if (info.serial.empty()) info.serial = read_serial_page(disk + "/device/vpd_pg80");
  info.revision = read_line(disk + "/device/rev");
  if (info.revision.empty()) info.revision = read_line(disk + "/device/firmware_rev");
  info.rotational = read_line(disk + "/queue/rotational") == "1";
  info.access_ranges = read_access_ranges(disk + "/queue/independent_access_ranges");
  std::error_code error;
  info.transport = transport_of(fs::canonical(disk, error).string(), name);
  return info;
}

// A block device in sysfs: the directory of its own and that of the disk, the same for a disk.
struct Entry {
  std::string name;
  std::string directory;
  dev_t number = 0;
  std::string disk;
  dev_t whole = 0;
};

BlockNode read_node(const Entry& entry, std::vector<std::string>& blind_spots) {
  BlockNode node;
  node.name = entry.name;
  node.number = entry.number;
  node.whole = entry.whole;
  node.size = read_number(entry.directory + "/size") * 512;  // 512-byte units whatever the device's sectors
  node.read_only = read_line(entry.directory + "/ro") == "1";
  if (node.is_partition()) {
    node.partition = static_cast<unsigned>(read_number(entry.directory + "/partition"));
  } else {
    node.slaves = list_devices(entry.directory + "/slaves", entry.directory, blind_spots);
  }
  static_cast<void>(list_devices(entry.directory + "/holders", entry.directory, blind_spots));
  const auto logical = read_number(entry.disk + "/queue/logical_block_size");
  if (logical != 0) node.logical_block = static_cast<std::uint32_t>(logical);
  node.backing_path = read_line(entry.directory + "/loop/backing_file");
  node.sequence = read_number(entry.directory + "/diskseq");
  node.info = read_info(entry.disk, entry.name);
  node.counts_io = read_line(entry.disk + "/queue/iostats") != "0";
  read_zoned(entry.disk, node);
  return node;
}

std::vector<std::string> names_in(const std::string& directory) {
  return read_names(directory).value_or(std::vector<std::string>());
}

}  // namespace

std::vector<BlockNode> read_block_nodes(const HostPaths& paths, std::vector<std::string>& blind_spots) {
  std::vector<BlockNode> nodes;
  const auto disks = read_names(paths.sys + "/block");
  if (!disks) {
    blind_spots.push_back(cannot_read(disks.error()));
    return nodes;
  }
  for (const std::string& name : *disks) {
    const std::string disk = paths.sys + "/block/" + name;
    const auto whole = read_device_number(disk);
    if (!whole) continue;
    nodes.push_back(read_node({name, disk, *whole, disk, *whole}, blind_spots));
    for (const std::string& part : names_in(disk)) {
      const std::string directory = disk + "/" + part;
      if (read_line(directory + "/partition").empty()) continue;
      const auto number = read_device_number(directory);
      if (number) nodes.push_back(read_node({part, directory, *number, disk, *whole}, blind_spots));
    }
  }
  clear_unknown_zones(nodes);
  return nodes;
}

std::vector<BlockNode> list_block_nodes(const HostPaths& paths) {
  std::vector<std::string> unread;
  return read_block_nodes(paths, unread);
}

std::vector<std::string> list_block_names(const HostPaths& paths) {
  std::vector<std::string> names = names_in(paths.sys + "/block");
  const std::size_t disks = names.size();
  for (std::size_t i = 0; i < disks; ++i) {
    const std::string disk = paths.sys + "/block/" + names[i];
    for (std::string& part : names_in(disk)) {
      if (!read_line(disk + "/" + part + "/partition").empty()) names.push_back(std::move(part));
    }
  }
  return names;
}

std::vector<std::vector<dev_t>> read_pools(const HostPaths& paths) {
  std::vector<std::vector<dev_t>> pools;
  const std::string root = paths.sys + "/fs/btrfs/";
  for (const std::string& pool : names_in(root)) {
    std::vector<dev_t> disks;
    for (const std::string& disk : names_in(root + pool + "/devices")) {
      if (const auto number = read_device_number(root + pool + "/devices/" + disk)) disks.push_back(*number);
    }
    if (!disks.empty()) pools.push_back(std::move(disks));
  }
  return pools;
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

std::optional<KernelCounters> read_kernel_counters(const std::vector<dev_t>& numbers, const HostPaths& paths) {
  KernelCounters sum;
  for (const dev_t number : numbers) {
    const auto one = read_kernel_counters(number, paths);
    if (!one) return std::nullopt;
    sum.read_ios += one->read_ios;
    sum.read_bytes += one->read_bytes;
    sum.write_ios += one->write_ios;
    sum.write_bytes += one->write_bytes;
    sum.discard_ios += one->discard_ios;
    sum.discard_bytes += one->discard_bytes;
  }
  return sum;
}

}  // namespace spliced::device
