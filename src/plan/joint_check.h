// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <optional>
#include <vector>

#include "run/device_plan.h"
#include "spliced/plan/spec.h"

namespace spliced::plan {

// The files that a job creates, by the file system that they are to lie on.
class NewFiles {
 public:
  explicit NewFiles(std::uint64_t bytes) : bytes_(bytes) {}
  // What is in the way of one more; nothing for a target that exists.
  std::optional<device::Refusal> add(const device::TargetFacts& facts);

 private:
  const std::uint64_t bytes_;
  std::map<dev_t, std::uint64_t> needed_;
};

// What of the targets is judged together, the same for a plan and for the report of one. Not thread-safe.
class JointCheck {
 public:
  JointCheck(const JobSpec& spec, const device::Access& access)
      : leaves_(leaves_of(spec)), new_size_(access.create_bytes), files_(access.create_bytes) {}
  // One more target with nothing of its own in the way: what is, beside those before it. Gives a new file its size.
  std::optional<device::Refusal> add(device::TargetFacts& facts);
  [[nodiscard]] const std::vector<Leaf>& leaves() const { return leaves_; }
  // What each of the leaves works on; what is wrong with it is added to `errors`.
  [[nodiscard]] std::vector<run::StagePlan> stages_on(const device::TargetFacts& facts,
                                                      std::vector<util::FieldError>& errors) const;

 private:
  const std::vector<Leaf> leaves_;
  const std::uint64_t new_size_;
  NewFiles files_;
  std::vector<device::TargetFacts> seen_;
};

}  // namespace spliced::plan
