// SPDX-License-Identifier: Apache-2.0
#include "kernel_witness.h"

#include <fmt/format.h>

#include "spliced/device/direct_io.h"

namespace spliced::run {
namespace {

device::KernelCounters difference(const device::KernelCounters& a, const device::KernelCounters& b) {
  return {a.read_ios - b.read_ios,       a.read_bytes - b.read_bytes,   a.write_ios - b.write_ios,
          a.write_bytes - b.write_bytes, a.discard_ios - b.discard_ios, a.discard_bytes - b.discard_bytes};
}

}  // namespace

void KernelWitness::begin(bool direct) {
  if (facts_.block_device) device_ = device::read_kernel_counters(facts_.id.device);
  if (direct && !facts_.disks.empty()) below_ = device::read_kernel_counters(facts_.disks);
}

std::optional<device::KernelCounters> KernelWitness::device() const {
  if (!device_) return std::nullopt;
  const auto now = device::read_kernel_counters(facts_.id.device);
  return now ? std::optional(difference(*now, *device_)) : std::nullopt;
}

std::string KernelWitness::find_shortfall(const DeviceTotals& totals, bool reads_count) const {
  if (!below_) return "";
  const auto now = device::read_kernel_counters(facts_.disks);
  // A file system has read from its disk before it was mounted: all zeros means that the kernel does not count here.
  if (!now || now->read_ios + now->write_ios == 0) return "";
  const auto below = difference(*now, *below_);
  const device::MovedBytes moved{totals.ops[static_cast<std::size_t>(util::OpClass::read)].bytes,
                                 totals.ops[static_cast<std::size_t>(util::OpClass::write)].bytes};
  return device::direct_io_shortfall(moved, {below.read_bytes, below.write_bytes},
                                     fmt::format("the disk below {}", facts_.path), reads_count);
}

}  // namespace spliced::run
