// SPDX-License-Identifier: Apache-2.0
#include "fallback.h"

#include <algorithm>

namespace spliced::engine {
namespace {

bool is_vmsplice_refused(int error) {
  return error == EBADF || error == EPERM || error == ENOSYS || error == EINVAL || error == EOPNOTSUPP;
}

}  // namespace

std::optional<Fallback> read_fallback(ReadPath path, int error) {
  if (path == ReadPath::map && is_refusal(path, error)) return Fallback::map_to_copy;
  if (path == ReadPath::copy && is_refusal(path, error)) return Fallback::copy_to_read;
  return std::nullopt;
}

std::optional<Fallback> write_fallback(int error) {
  if (is_vmsplice_refused(error)) return Fallback::vmsplice_to_write;
  return std::nullopt;
}

bool is_refusal(ReadPath path, int error) {
  return is_vmsplice_refused(error) || (path == ReadPath::map && error == EFAULT);
}

void count_fallback(SpliceCounters& counters, Fallback event, int error) {
  const auto* column = std::find(kFallbackErrors.begin(), kFallbackErrors.end(), error);
  if (column == kFallbackErrors.end()) return;
  counters.fallbacks[static_cast<std::size_t>(event)][static_cast<std::size_t>(column - kFallbackErrors.begin())].add();
}

}  // namespace spliced::engine
