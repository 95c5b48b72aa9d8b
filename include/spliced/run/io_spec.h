// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <vector>

#include "spliced/engine/engine.h"
#include "spliced/engine/kind.h"
#include "spliced/engine/options.h"
#include "spliced/verify/payload.h"
#include "spliced/workload/spec.h"

namespace spliced::run {

// I/O of one kind on a device: which requests, with what data, through which engine.
struct IoSpec {
  workload::WorkloadSpec workload;
  verify::Payload payload = verify::Payload::stamp;
  engine::Options engine;
};

// What of it decides how an engine is best driven in one direction.
[[nodiscard]] engine::Load load_of(const IoSpec& spec, engine::Direction direction);
// The directions that its data goes in.
[[nodiscard]] std::vector<engine::Direction> directions_of(const IoSpec& spec);
// Nobody looks at what is read: all reads of a worker go through one buffer of so many bytes.
[[nodiscard]] std::size_t read_buffer_bytes(const IoSpec& spec);

}  // namespace spliced::run
