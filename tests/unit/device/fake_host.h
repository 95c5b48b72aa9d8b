// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <string>

#include "spliced/device/block_topology.h"
#include "temp_dir.h"

namespace spliced::testing {

// A directory that looks like /sys, /proc and /dev of a machine.
class FakeHost {
 public:
  FakeHost() {
    root_.directory("sys/block");
    root_.directory("dev");
    root_.write("proc/self/mountinfo", mount_line("0:5", "/proc", "proc", "proc"));
    root_.write("proc/swaps", kSwapsHead);
  }
  [[nodiscard]] device::HostPaths paths() const { return {root_ / "sys", root_ / "proc", root_ / "dev"}; }
  [[nodiscard]] const TempDir& root() const { return root_; }

  // `name` is "sda" or, for a partition, "sda/sda1"; `sectors` are of 512 bytes.
  void block(const std::string& name, const std::string& number, std::uint64_t sectors) const {
    const std::string dir = "sys/block/" + name;
    root_.write(dir + "/dev", number + "\n");
    root_.write(dir + "/size", std::to_string(sectors) + "\n");
    root_.write(dir + "/ro", "0\n");
    root_.directory(dir + "/holders");
    if (name.find('/') == std::string::npos) {
      root_.directory(dir + "/slaves");
      root_.write(dir + "/queue/zoned", "none\n");
    } else {
      root_.write(dir + "/partition", name.substr(name.find_last_not_of("0123456789") + 1) + "\n");
    }
  }
  void attribute(const std::string& name, const std::string& attribute, const std::string& value) const {
    root_.write("sys/block/" + name + "/" + attribute, value + "\n");
  }
  void slave(const std::string& name, const std::string& of) const {
    root_.directory("sys/block/" + name + "/slaves/" + of);
  }
  void mount(const std::string& number, const std::string& target, const std::string& type, const std::string& source) {
    mounts_ += mount_line(number, target, type, source);
    root_.write("proc/self/mountinfo", mounts_);
  }
  // A mountinfo of its own making, whole lines.
  void mountinfo(const std::string& lines) const { root_.write("proc/self/mountinfo", lines); }
  void mount_in_process(int process, const std::string& mount_namespace, const std::string& lines) const {
    const std::string dir = "proc/" + std::to_string(process);
    root_.directory(dir + "/ns");
    root_.link(dir + "/ns/mnt", mount_namespace);
    root_.write(dir + "/mountinfo", lines);
  }
  void swap(const std::string& path) {
    swaps_ += path + "                               file\t\t1048572\t\t0\t\t-2\n";
    root_.write("proc/swaps", kSwapsHead + swaps_);
  }
  [[nodiscard]] static std::string mount_line(const std::string& number, const std::string& target,
                                              const std::string& type, const std::string& source) {
    // An id that no mount of the real machine has.
    return fmt::format("2000000036 35 {} / {} rw,noatime shared:1 - {} {} rw\n", number, target, type, source);
  }
  [[nodiscard]] static std::string number_of(const std::string& path) {
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0) return "0:0";
    return fmt::format("{}:{}", major(st.st_dev), minor(st.st_dev));
  }

 private:
  static constexpr const char* kSwapsHead = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
  TempDir root_;
  std::string mounts_;
  std::string swaps_;
};

}  // namespace spliced::testing
