// SPDX-License-Identifier: Apache-2.0
#include "spliced/run/verification.h"

#include <numeric>

namespace spliced::run {

std::uint64_t VerifyTotals::mismatch_count() const {
  return std::accumulate(mismatches.begin(), mismatches.end(), std::uint64_t{0});
}

std::uint64_t VerifyTotals::host_fault_count() const {
  return std::accumulate(host_faults.begin(), host_faults.end(), std::uint64_t{0});
}

void VerifyTotals::merge(const VerifyTotals& other) {
  bytes += other.bytes;
  blocks += other.blocks;
  for (std::size_t i = 0; i < mismatches.size(); ++i) mismatches[i] += other.mismatches[i];
  mismatched_bytes += other.mismatched_bytes;
  indeterminate_bytes += other.indeterminate_bytes;
  unread_bytes += other.unread_bytes;
  unwritten_bytes += other.unwritten_bytes;
  untraced_bytes += other.untraced_bytes;
  cache_suspect_bytes += other.cache_suspect_bytes;
  for (std::size_t i = 0; i < host_faults.size(); ++i) host_faults[i] += other.host_faults[i];
  asked_for = asked_for || other.asked_for;
  unmarked = unmarked || other.unmarked;
}

}  // namespace spliced::run
