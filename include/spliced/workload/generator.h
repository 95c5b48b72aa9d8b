// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>

#include "spliced/util/op.h"
#include "spliced/workload/block_range.h"
#include "spliced/workload/part.h"
#include "spliced/workload/spec.h"

namespace spliced::workload {

struct Request {
  util::Op op = util::Op::read;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

// Which request comes next, for one of the workers of a device. Belongs to one thread; neither allocates nor locks.
//
// Sequential modes cut the range into one contiguous part per worker. A random pass with the uniform distribution
// visits each block exactly once over all workers (a permutation); with `time_based` or another distribution it draws
// blocks independently, as many as the range has. The same spec, range and worker give the same requests.
class Generator {
 public:
  Generator(const WorkloadSpec& spec, const BlockRange& range, unsigned worker);
  ~Generator();
  Generator(Generator&&) noexcept;

  // false when this worker's part is done. A `time_based` workload is never done.
  [[nodiscard]] bool next(Request& out);
  // The fsync that ends the part, if one was asked for and something was written.
  [[nodiscard]] bool last(Request& out);
  // The worker's part of the blocks of a pass, or of those that are drawn.
  [[nodiscard]] Part part() const;
  // Bytes that this worker will move in all its loops; 0 when there is no end but the runtime.
  [[nodiscard]] std::uint64_t total_bytes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spliced::workload
