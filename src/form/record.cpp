// SPDX-License-Identifier: Apache-2.0
#include "record.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "evidence_form.h"
#include "figures_reader.h"
#include "spliced/util/boot.h"

namespace spliced::form {
namespace {

// By what a device is found again.
Json identity_of(const device::TargetFacts& facts) {
  return {{"vendor", facts.info.vendor},
          {"block_device", facts.block_device},
          {"partition", facts.partition},
          {"alignment", facts.alignment},
          {"node", std::uint64_t{facts.id.device}},
          {"inode", std::uint64_t{facts.id.inode}},
          {"sequence", facts.sequence},
          {"boot", facts.boot.empty() ? util::boot_id() : facts.boot},
          {"backing", facts.backing},
          {"signatures", facts.signatures},
          {"transport", facts.info.transport},
          {"rotational", facts.info.rotational},
          {"access_ranges", facts.info.access_ranges}};
}
void read_identity(const Json& from, device::TargetFacts& out) {
  read_member(from, "vendor", out.info.vendor);
  read_member(from, "block_device", out.block_device);
  read_member(from, "boot", out.boot);
  read_member(from, "backing", out.backing);
  read_member(from, "sequence", out.sequence);
  std::uint64_t partition = 0, node = 0, inode = 0, alignment = out.alignment;
  read_member(from, "alignment", alignment);
  out.alignment = static_cast<std::uint32_t>(alignment);
  read_member(from, "partition", partition);
  read_member(from, "node", node);
  read_member(from, "inode", inode);
  out.partition = static_cast<unsigned>(partition);
  out.id = {out.block_device, static_cast<dev_t>(node), static_cast<ino_t>(inode)};
  read_member(from, "transport", out.info.transport);
  read_member(from, "rotational", out.info.rotational);
  for (const Json& start : array_in(from, "access_ranges")) {
    if (start.is_number_unsigned()) out.info.access_ranges.push_back(start.get<std::uint64_t>());
  }
  for (const Json& name : array_in(from, "signatures")) {
    if (name.is_string()) out.signatures.push_back(name.get<std::string>());
  }
}

}  // namespace

Json record_of(const run::StageSnapshot& stage) {
  return {{"host_errors", stage.host_errors},
          {"block_bytes", stage.range.block},
          {"asked_for", stage.asked_for},
          {"evidence", render_evidence(stage.evidence)}};
}
void read_record(const Json& record, run::StageSnapshot& out) {
  read_member(record, "host_errors", out.host_errors);
  read_member(record, "block_bytes", out.range.block);
  out.range.block = std::max<std::uint64_t>(1, out.range.block);
  out.evidence = read_evidence(object_in(record, "evidence"));
  const Json& asked = array_in(record, "asked_for");
  for (std::size_t i = 0; i < std::min(asked.size(), out.asked_for.size()); ++i) {
    if (asked[i].is_boolean()) out.asked_for[i] = asked[i].get<bool>();
  }
}

Json record_of_device(const verdict::DeviceSnapshot& device) {
  Json out = record_of(device);
  out["unmeasured"] = device.unmeasured;
  out["begun"] = device.begun;
  out["identity"] = identity_of(device.facts);
  out["idle_stage"] = device.idle_stage;
  out["unchecked_stage"] = device.unchecked_stage;
  out["host_untrusted"] = device.host_untrusted;
  out["zones"] = render_zones(device.zones);
  return out;
}
void read_device_record(const Json& record, verdict::DeviceSnapshot& out) {
  read_record(record, out);
  read_member(record, "unmeasured", out.unmeasured);
  read_member(record, "begun", out.begun);
  read_member(record, "idle_stage", out.idle_stage);
  read_member(record, "unchecked_stage", out.unchecked_stage);
  read_member(record, "host_untrusted", out.host_untrusted);
  out.zones = read_zones(object_in(record, "zones"));
  read_identity(object_in(record, "identity"), out.facts);
}

}  // namespace spliced::form
