// SPDX-License-Identifier: Apache-2.0
#include "data_origin.h"

#include <fmt/format.h>

#include "spliced/device/identity.h"

namespace spliced::run {

std::string known_by(const std::string& run_id, std::size_t target) {
  return fmt::format("{}#{}", run_id, target);
}

DataOrigin data_origin(const std::string& run_id, std::size_t target, const device::DeviceInfo& info) {
  const std::string known = device::known_by(info);
  return {verify::run_id_of(run_id).value_or(verify::RunId{}),
          verify::device_identity(known.empty() ? known_by(run_id, target) : known)};
}

verify::Payload payload_of(const IoSpec& spec, std::uint64_t offset) {
  verify::Payload out = spec.payload;
  if (out.interval == 0) out.interval = verify::interval_for(spec.workload.bs.write, offset);
  return out;
}

}  // namespace spliced::run
