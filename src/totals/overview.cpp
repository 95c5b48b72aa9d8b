// SPDX-License-Identifier: Apache-2.0
#include "spliced/totals/overview.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>

#include "target_watch.h"

namespace spliced::totals {

using util::Nanos;

namespace {

// An overview waits for less than a job does: a disk that is asleep is told as one that does not answer.
constexpr Nanos kOverviewPatience = util::kSecond / 4;  // with one disk
constexpr Nanos kOverviewLimit = 2 * util::kSecond;     // with all

DeviceStatus status_of(const device::TargetAdmission& admission, const device::BlockNode& node,
                       const std::optional<device::Inspection>& inspection) {
  DeviceStatus status;
  status.facts = inspection ? inspection->facts : facts_of(node);
  status.read_only = node.read_only;
  if (!inspection) status.refusals.emplace_back("does not answer, or is being looked at");
  if (inspection) {
    for (const auto& refusal : inspection->refusals) status.refusals.push_back(refusal.text);
  }
  status.job = admission.job_holding(device::block_id(node.number), device::block_id(node.whole));
  return status;
}

std::vector<DeviceStatus> look_over(const device::TargetAdmission& admission,
                                    const std::vector<device::BlockNode>& nodes,
                                    const std::shared_ptr<const device::BlockTopology>& host) {
  device::Access access;
  access.destructive = true;
  access.signatures_last = true;
  access.no_confirmation = true;
  const auto paths = std::make_shared<std::vector<std::string>>();
  for (const auto& node : nodes) paths->push_back("/dev/" + node.name);
  const auto answers = device::ask_each<std::optional<device::Inspection>>(
      admission.lookout(), *paths,
      [&admission, access, host, paths](std::size_t i) -> std::optional<device::Inspection> {
        const auto right = admission.look_alone((*paths)[i], util::system_clock().now() + kOverviewPatience);
        return right ? std::optional(admission.inspect((*paths)[i], access, *host)) : std::nullopt;
      },
      kOverviewPatience, util::system_clock().now() + kOverviewLimit);
  std::vector<DeviceStatus> out;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    out.push_back(status_of(admission, nodes[i], answers[i].value_or(std::nullopt)));
  }
  return out;
}

}  // namespace

std::vector<DeviceStatus> all_devices(const device::TargetAdmission& admission) {
  const auto host = std::make_shared<const device::BlockTopology>(admission.host());
  std::vector<device::BlockNode> nodes;
  std::copy_if(host->blocks.begin(), host->blocks.end(), std::back_inserter(nodes),
               [](const device::BlockNode& node) { return node.size != 0; });
  return look_over(admission, nodes, host);
}

util::Result<DeviceStatus> one_device(const device::TargetAdmission& admission, const std::string& name) {
  const auto host = std::make_shared<const device::BlockTopology>(admission.host());
  const device::BlockNode* node = host->find(name);
  if (node == nullptr) return util::fail(util::Errc::not_found, fmt::format("there is no block device {}", name));
  return look_over(admission, {*node}, host).front();
}

}  // namespace spliced::totals
