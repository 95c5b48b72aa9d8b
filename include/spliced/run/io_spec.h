// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <optional>
#include <vector>

#include "spliced/engine/engine.h"
#include "spliced/engine/kind.h"
#include "spliced/engine/options.h"
#include "spliced/run/until.h"
#include "spliced/verify/image.h"
#include "spliced/workload/spec.h"

namespace spliced::run {

// Whether what is read is compared with what should be there.
struct CheckSpec {
  enum class What : std::uint8_t {
    nothing,
    own,    // what the job wrote
    found,  // what another one wrote
  };
  What reads = What::nothing;
  bool writes = false;         // what is written is checked later, by this workload or another
  std::uint64_t distance = 0;  // bytes moved after which no cache is taken to answer; 0: see default_distance()
  // Of `found`: whose data; what is left open is that of the first header that is found.
  std::optional<verify::RunId> run;
  std::optional<std::uint64_t> seed;
  std::optional<verify::Payload> payload;  // of data that is not random
  bool complete = false;                   // it came to its end: what is not there was lost
};
// 1 GiB, or a hundredth of the range if that is more.
[[nodiscard]] std::uint64_t default_distance(std::uint64_t range);

// I/O of one kind on a device: which requests, with what data, through which engine.
struct IoSpec {
  workload::WorkloadSpec workload;
  verify::Payload payload;
  engine::Options engine;
  CheckSpec check;
  std::optional<UntilSteady> until = {};  // of the only workload of a stage
};
[[nodiscard]] inline bool checks_reads(const IoSpec& spec) {
  return spec.check.reads != CheckSpec::What::nothing;
}

// What of it decides how an engine is best driven in one direction.
[[nodiscard]] engine::Load load_of(const IoSpec& spec, engine::Direction direction);
// The directions that its data goes in.
[[nodiscard]] std::vector<engine::Direction> directions_of(const IoSpec& spec);
// Bytes of the buffer of a read. Where nobody looks at what is read, all reads of a worker go through one.
[[nodiscard]] std::size_t read_buffer_bytes(const IoSpec& spec);
[[nodiscard]] inline std::size_t read_buffers(const IoSpec& spec, std::size_t depth) {
  return checks_reads(spec) ? depth : 1;
}

}  // namespace spliced::run
