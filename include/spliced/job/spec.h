// SPDX-License-Identifier: Apache-2.0
// A job as a client asks for it: a validated value with nothing of JSON left in it.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "spliced/engine/engine.h"
#include "spliced/util/result.h"
#include "spliced/verify/payload.h"
#include "spliced/workload/spec.h"

namespace spliced::job {

struct EngineSpec {
  std::optional<engine::ReadPath> read_path;  // nullopt: auto, the best that this kernel lets through
  std::uint64_t pipe_size = 0;                // bytes; 0: auto
  std::uint64_t batch = 0;                    // blocks that pass the pipe together; 0: auto
  bool gift = false;
};

struct ErrorPolicy {
  std::uint64_t max_errors = 0;                    // per device; one more and it is stopped, FAILED
  util::Nanos stall_timeout = 60 * util::kSecond;  // an operation that takes longer fails its device
};

// What a device must have met for a PASS, however far the job went.
struct Criteria {
  std::uint64_t max_io_errors = 0;  // operations of any kind that failed, per device
};

struct JobSpec {
  std::string name;
  std::vector<std::string> targets;  // absolute paths
  workload::WorkloadSpec workload;
  verify::Payload payload = verify::Payload::stamp;
  EngineSpec engine;
  ErrorPolicy error_policy;
  Criteria criteria;
  bool destructive = false;                       // the client knows that data will be lost
  bool allow_in_use = false;                      // for jobs that only read
  std::vector<std::string> overwrite_signatures;  // signatures that may be lost, by libblkid's names, or "all"
};

// Limits of one job.
inline constexpr std::size_t kMaxTargets = 1024;
inline constexpr std::size_t kMaxNameLength = 128;            // characters
inline constexpr unsigned kMaxWorkers = 64;                   // per device
inline constexpr std::uint64_t kMinBlock = 512;               // bytes
inline constexpr std::uint64_t kMaxBlock = 64ULL << 20;       // bytes
inline constexpr std::uint64_t kMaxPipe = 1ULL << 30;         // bytes
inline constexpr std::uint64_t kMaxBufferBytes = 4ULL << 30;  // buffers of all workers of a job
inline constexpr std::uint64_t kMaxAutoPipe = 1ULL << 20;     // bytes; what an unprivileged user may have (pipe(7))

// Everything that is wrong with a spec whatever the machine, each with the JSON pointer of its field. Empty: valid.
[[nodiscard]] std::vector<util::FieldError> check_spec(const JobSpec& spec);

}  // namespace spliced::job
