// SPDX-License-Identifier: Apache-2.0
#include "spliced/run/io_spec.h"

namespace spliced::run {

engine::Load load_of(const IoSpec& spec) {
  const auto& w = spec.workload;
  return {w.bs, w.thinktime != 0 || w.rate != 0 || w.rate_iops != 0};
}

std::size_t read_buffer_bytes(const IoSpec& spec) {
  return engine::kind_of(spec.engine).read_buffer(spec.workload.bs);
}

}  // namespace spliced::run
