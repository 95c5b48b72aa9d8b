// SPDX-License-Identifier: Apache-2.0
#include "joint_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "range.h"
#include "spliced/device/target_admission.h"

namespace spliced::plan {

using util::FieldError;
using util::Reason;

std::optional<device::Refusal> NewFiles::add(const device::TargetFacts& facts) {
  if (facts.exists) return std::nullopt;
  const std::uint64_t before = needed_[facts.home];
  if (facts.free_bytes >= before && facts.free_bytes - before >= bytes_) {
    needed_[facts.home] += bytes_;
    return std::nullopt;
  }
  return device::Refusal{
      fmt::format("does not exist and cannot be created with {} bytes: {} are free on its file system{}", bytes_,
                  facts.free_bytes, before == 0 ? "" : fmt::format(", {} go to other targets of this job", before)),
      Reason::no_space};
}

std::optional<device::Refusal> JointCheck::add(device::TargetFacts& facts) {
  const auto same = [&](const device::TargetFacts& other) { return device::share_a_disk(other, facts); };
  if (std::any_of(seen_.begin(), seen_.end(), same)) return device::named_twice();
  if (auto refusal = files_.add(facts)) return refusal;
  if (!facts.exists) facts.size = new_size_;
  seen_.push_back(facts);
  return std::nullopt;
}

namespace {

bool overlap(const workload::BlockRange& a, const workload::BlockRange& b) {
  return a.offset < b.offset + b.size && b.offset < a.offset + a.size;
}

// What can be told of data only when ranges are known.
void check_data(const Leaf& leaf, const run::StagePlan& plan, bool rotates, std::vector<FieldError>& errors) {
  const auto streams = run::streams_of(leaf.stage);
  const bool of_streams = std::holds_alternative<run::StreamsSpec>(leaf.stage.what);
  for (std::size_t i = 0; i < streams.size(); ++i) {
    const run::IoSpec& io = streams[i].io;
    const workload::BlockRange& range = plan.streams[i].range;
    if (io.until && rotates) {
      errors.push_back({fmt::format("{}/streams/{}/workload/until", leaf.field, i),
                        "hard disks have no steady state in this sense: bands judge them; see max_slow_zone",
                        Reason::invalid});
    }
    if (!run::checks_reads(io) && !io.check.writes) continue;
    const std::string way = of_streams ? fmt::format("{}/streams/{}/workload", leaf.field, i) : leaf.field + "/verify";
    if (range.size % verify::kSector != 0) {
      errors.push_back(
          {way + "/size",
           fmt::format("{} bytes are no multiple of {}, as verification needs it", range.size, verify::kSector),
           Reason::not_aligned});
    }
    if (io.payload.interval != 0 && range.offset % io.payload.interval != 0) {
      errors.push_back({way + "/offset",
                        fmt::format("{} is no multiple of the interval of {} bytes", range.offset, io.payload.interval),
                        Reason::not_aligned});
    }
    for (std::size_t k = 0; k < streams.size(); ++k) {
      if (k == i || !workload::destroys(streams[k].io.workload.rw) || !overlap(range, plan.streams[k].range)) continue;
      errors.push_back({way + "/verify",
                        fmt::format("the stream \"{}\" writes to the same range at the same time: what it holds then, "
                                    "nobody knows",
                                    streams[k].name)});
    }
  }
}

}  // namespace

std::vector<run::StagePlan> JointCheck::stages_on(const device::TargetFacts& facts,
                                                  std::vector<FieldError>& errors) const {
  std::vector<run::StagePlan> out(leaves_.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const Leaf& leaf = leaves_[i];
    if (leaf.first != i) {
      out[i] = out[leaf.first];
      continue;
    }
    for (const auto& stream : run::streams_of(leaf.stage)) {
      std::vector<FieldError> wrong;
      const bool of_streams = std::holds_alternative<run::StreamsSpec>(leaf.stage.what);
      const std::string way = of_streams ? fmt::format("{}/streams/{}/workload", leaf.field, out[i].streams.size())
                                         : leaf.field + "/verify";
      out[i].streams.push_back({resolve_range(stream.io.workload, facts, wrong), {}});
      if (std::holds_alternative<run::RereadSpec>(leaf.stage.what)) continue;  // told of the stage that it is like
      for (auto& error : util::under(way, std::move(wrong))) errors.push_back(std::move(error));
    }
    check_data(leaf, out[i], facts.info.rotational, errors);
  }
  return out;
}

}  // namespace spliced::plan
