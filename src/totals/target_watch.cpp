// SPDX-License-Identifier: Apache-2.0
#include "target_watch.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>

namespace spliced::totals {
namespace {

// What lstat(2) says of a file that a job may have had for a target.
struct Sight {
  bool there = false;
  bool told = true;  // it may be there, but it cannot be asked
  device::NodeId id;
  std::uint64_t size = 0;
};

// Targets are known by paths without links: what is one now leads elsewhere.
Sight sight_of(const std::string& path) {
  struct stat st {};
  if (::lstat(path.c_str(), &st) != 0) return {false, errno == ENOENT || errno == ENOTDIR, {}, 0};
  return {S_ISREG(st.st_mode), true, {false, st.st_dev, st.st_ino}, static_cast<std::uint64_t>(st.st_size)};
}

}  // namespace

device::TargetFacts facts_of(const device::BlockNode& node) {
  device::TargetFacts facts;
  facts.given = facts.path = "/dev/" + node.name;
  facts.name = node.name;
  facts.id = device::block_id(node.number);
  facts.whole = device::block_id(node.whole);
  facts.block_device = true;
  facts.size = node.size;
  facts.alignment = node.logical_block;
  facts.info = node.info;
  facts.sequence = node.sequence;
  return facts;
}

void TargetWatch::look(util::Nanos now) {
  if (looking_.exchange(true)) return;
  const std::shared_ptr<void> done(nullptr, [this](void*) { looking_ = false; });
  if (now < next_) return;
  const util::Nanos begun = util::now();
  const auto known = registry_.idle();
  look_at_devices(known, now);
  look_at_files(known);
  next_ = now + std::max(kInterval, kRest * (util::now() - begun));
}

void TargetWatch::look_at_devices(const std::vector<device::TargetFacts>& known, util::Nanos now) {
  std::map<std::string, device::TargetFacts> present;
  for (const auto& node : admission_.block_nodes()) {
    if (node.size != 0) present.emplace(node.name, facts_of(node));  // a loop device without a file has no size
  }
  for (const auto& facts : known) {
    if (!facts.block_device) continue;
    const auto found = present.find(facts.name);
    registry_.follow(facts.name, found == present.end() ? std::nullopt : std::optional(found->second));
  }
  for (const auto& [name, facts] : present) {
    if (admission_.allows(facts.path)) registry_.register_device(facts, now);
  }
}

void TargetWatch::look_at_files(const std::vector<device::TargetFacts>& known) {
  std::vector<std::string> paths;
  std::vector<device::TargetFacts> files;
  for (const auto& facts : known) {
    if (facts.block_device) continue;
    paths.push_back(facts.path);
    files.push_back(facts);
  }
  if (files.empty()) return;
  const auto shared = std::make_shared<const std::vector<std::string>>(paths);
  const auto sights = device::ask_each<Sight>(
      admission_.lookout(), paths, [shared](std::size_t i) { return sight_of((*shared)[i]); }, kPatience,
      util::system_clock().now() + kLimit);
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (!sights[i] || !sights[i]->told) continue;
    files[i].id = files[i].whole = sights[i]->id;
    files[i].size = sights[i]->size;
    registry_.follow(files[i].name, sights[i]->there ? std::optional(files[i]) : std::nullopt);
  }
}

}  // namespace spliced::totals
