// SPDX-License-Identifier: Apache-2.0
#include "spliced/job/totals.h"

#include <cerrno>
#include <numeric>

namespace spliced::job {
namespace {

template <class To, class From>
void add_all(To& to, const From& from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}
template <class To, class From>
void add_tallies(To& to, const From& from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i].get();
}

}  // namespace

ErrorClass classify_errno(int error) {
  switch (error) {
    case EIO:
    case ENODATA:
    case EREMOTEIO:
    case EILSEQ:
    case EBADMSG: return ErrorClass::io;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return ErrorClass::no_space;
    case ETIMEDOUT:
    case ETIME:
    case EAGAIN: return ErrorClass::timeout;
    case ENXIO:
    case ENODEV:
    case ENOMEDIUM:
    case ENOTCONN:
    case ESTALE: return ErrorClass::removed;
    case EOPNOTSUPP:
    case ENOSYS: return ErrorClass::unsupported;
    case EINVAL: return ErrorClass::invalid;
    default: return ErrorClass::other;
  }
}

std::uint64_t OpTotals::error_count() const {
  return std::accumulate(errors.begin(), errors.end(), std::uint64_t{0});
}

void EngineTotals::add(const engine::EngineCounters& live) {
  for (std::size_t i = 0; i < fallbacks.size(); ++i) add_tallies(fallbacks[i], live.fallbacks[i]);
  add_tallies(retries, live.retries);
  add_tallies(short_transfers, live.short_transfers);
  pipe_resets += live.pipe_resets.get();
}

void DeviceTotals::merge(const DeviceTotals& other) {
  for (std::size_t i = 0; i < util::kOpClasses; ++i) asked_for[i] = asked_for[i] || other.asked_for[i];
  cpu_wait += other.cpu_wait;
  cpu_wait_known = cpu_wait_known || other.cpu_wait_known;
  for (std::size_t i = 0; i < ops.size(); ++i) {
    ops[i].bytes += other.ops[i].bytes;
    ops[i].operations += other.ops[i].operations;
    ops[i].across_pause += other.ops[i].across_pause;
    add_all(ops[i].errors, other.ops[i].errors);
    ops[i].latency.merge(other.ops[i].latency);
  }
  for (std::size_t i = 0; i < engine.fallbacks.size(); ++i) add_all(engine.fallbacks[i], other.engine.fallbacks[i]);
  add_all(engine.retries, other.engine.retries);
  add_all(engine.short_transfers, other.engine.short_transfers);
  engine.pipe_resets += other.engine.pipe_resets;
}

}  // namespace spliced::job
