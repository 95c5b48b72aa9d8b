// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/sysmacros.h>

#include <algorithm>
#include <string>
#include <vector>

#include "spliced/device/usage.h"

namespace spliced::testing {

constexpr device::NodeId file_id(ino_t inode) {
  return {false, 0x55, inode};
}

// A machine built by hand. Disks are 8:0 (sda: sda1, sda2) and 8:16 (sdb).
struct FakeMachine {
  FakeMachine() {
    disk("sda", makedev(8, 0));
    partition("sda1", makedev(8, 1), makedev(8, 0));
    partition("sda2", makedev(8, 2), makedev(8, 0));
    disk("sdb", makedev(8, 16));
  }
  device::BlockNode& disk(const std::string& name, dev_t number) { return partition(name, number, number); }
  device::BlockNode& partition(const std::string& name, dev_t number, dev_t whole) {
    device::BlockNode& node = host.blocks.emplace_back();
    node.name = name;
    node.number = number;
    node.whole = whole;
    return node;
  }
  void stack(const std::string& name, dev_t number, std::vector<std::string> slaves) {
    disk(name, number).slaves = std::move(slaves);
  }
  void loop(const std::string& name, dev_t number, const device::NodeId& backing) {
    disk(name, number).backing = backing;
  }
  void mount(dev_t number, const std::string& where, const std::string& type = "ext4") {
    host.mounts.push_back({number, std::nullopt, where, type});
  }
  [[nodiscard]] std::vector<std::string> uses(const device::NodeId& node) const {
    std::vector<std::string> texts;
    for (const auto& use : device::find_holders(node, host)) texts.push_back(use.text);
    return texts;
  }
  [[nodiscard]] std::vector<std::string> uses(const std::string& name) const {
    return uses(device::block_id(host.find(name)->number));
  }
  [[nodiscard]] bool is_free(const std::string& name) const { return uses(name).empty(); }
  [[nodiscard]] bool says(const std::string& name, const std::string& reason) const {
    const auto all = uses(name);
    return std::find(all.begin(), all.end(), reason) != all.end();
  }
  device::BlockTopology host;
};

// LVM over crypt over a partition.
struct DeepStack : FakeMachine {
  DeepStack() {
    stack("dm-0", makedev(253, 0), {"sda2"});
    stack("dm-1", makedev(253, 1), {"dm-0"});
  }
};

}  // namespace spliced::testing
