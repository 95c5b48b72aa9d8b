// SPDX-License-Identifier: Apache-2.0
#include "spliced/run/totals.h"

#include <algorithm>
#include <cerrno>
#include <numeric>

namespace spliced::run {
namespace {

template <class To, class From>
void add_all(To& to, const From& from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
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

void EngineTotals::add(std::size_t kind, const engine::Engine& engine) {
  ran[kind] = true;
  engine.add_events(events[kind]);
}

void EngineTotals::merge(const EngineTotals& other) {
  for (std::size_t kind = 0; kind < ran.size(); ++kind) {
    ran[kind] = ran[kind] || other.ran[kind];
    add_all(events[kind], other.events[kind]);
  }
}

void EngineState::add(const engine::Engine& engine) {
  std::array<std::uint64_t, engine::kMaxReadings> now{};
  engine.read(now);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::max(values[i], now[i]);
}

void DeviceTotals::merge(const DeviceTotals& other) {
  for (std::size_t i = 0; i < util::kOpClasses; ++i) asked_for[i] = asked_for[i] || other.asked_for[i];
  cpu_wait += other.cpu_wait;
  flushing += other.flushing;
  verify.merge(other.verify);
  cpu_wait_known = cpu_wait_known || other.cpu_wait_known;
  for (std::size_t i = 0; i < ops.size(); ++i) {
    ops[i].bytes += other.ops[i].bytes;
    ops[i].operations += other.ops[i].operations;
    ops[i].across_pause += other.ops[i].across_pause;
    ops[i].across_flush += other.ops[i].across_flush;
    add_all(ops[i].errors, other.ops[i].errors);
    ops[i].latency.merge(other.ops[i].latency);
  }
  engine.merge(other.engine);
}

}  // namespace spliced::run
