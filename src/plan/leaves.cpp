// SPDX-License-Identifier: Apache-2.0
// The stages of a job in the order in which a device goes through them.
#include <fmt/format.h>

#include <algorithm>

#include "spliced/plan/spec.h"

namespace spliced::plan {
namespace {

class Walk {
 public:
  explicit Walk(const Criteria& criteria) : criteria_(criteria) {}

  std::vector<Leaf> run(const std::vector<run::StageSpec>& stages) {
    go_through(stages, "stages", "");
    add_reread();
    return std::move(out_);
  }

 private:
  // `round`: what is put behind the names, "#2" in the second.
  void go_through(const std::vector<run::StageSpec>& stages, const std::string& field, const std::string& round) {
    for (std::size_t i = 0; i < stages.size() && out_.size() < kMaxStages; ++i) {
      const std::string at = fmt::format("{}/{}", field, i);
      const auto* again = std::get_if<run::RepeatSpec>(&stages[i].what);
      if (again == nullptr) {
        add(stages[i], at, round);
        continue;
      }
      const std::size_t before = out_.size();
      for (std::uint64_t n = 1; n <= again->times && out_.size() < kMaxStages; ++n) {
        go_through(again->stages, at + "/repeat/stages", fmt::format("{}#{}", round, n));
        if (out_.size() == before) return;  // there is nothing to repeat
      }
    }
  }

  void add(const run::StageSpec& stage, const std::string& field, const std::string& round) {
    std::size_t first = 0;
    while (first < out_.size() && out_[first].field != field) ++first;
    out_.push_back({stage, field, first});
    out_.back().stage.name += round;
    if (!stage.criteria) out_.back().stage.criteria = what_concerns(stage);
  }

  // As the first stage that shows how fast the disk is from place to place when it is read, or else when it is written.
  void add_reread() {
    if (!criteria_.max_slow_zone || out_.size() >= kMaxStages) return;
    const auto shows = [](util::OpClass op) {
      return [op](const Leaf& leaf) { return run::shows_zones(leaf.stage, op, true); };
    };
    auto found = std::find_if(out_.begin(), out_.end(), shows(util::OpClass::read));
    if (found == out_.end()) found = std::find_if(out_.begin(), out_.end(), shows(util::OpClass::write));
    if (found == out_.end()) return;
    run::RereadSpec again;
    again.limit = *criteria_.max_slow_zone;
    run::IoSpec& io = again.io.streams.front().io;
    const run::IoSpec& as = run::streams_of(found->stage).front().io;
    io.engine = as.engine;
    workload::WorkloadSpec& w = io.workload;
    w.rw = workload::Mode::read;
    w.bs = workload::writes(as.workload.rw) ? as.workload.bs.write : as.workload.bs.read;
    w.offset = as.workload.offset;
    w.size = as.workload.size;
    w.workers = as.workload.workers;
    w.cpus_allowed = as.workload.cpus_allowed;
    w.whole_sectors = as.workload.whole_sectors;
    out_.push_back({{std::string(kRereadName), std::move(again), found->stage.error_policy},
                    "criteria/max_slow_zone",
                    out_.size()});
  }

  // Of the criteria of the job, those of what the stage does.
  [[nodiscard]] run::StageCriteria what_concerns(const run::StageSpec& stage) const {
    const auto does = run::does_of(stage);
    run::StageCriteria out = criteria_.stages;
    const auto is_not_done = [&](const auto& limit) { return !does[static_cast<std::size_t>(limit.op)]; };
    std::erase_if(out.latency, is_not_done);
    std::erase_if(out.min_rate, is_not_done);
    return out;
  }

  const Criteria& criteria_;

  std::vector<Leaf> out_;
};

}  // namespace

std::vector<Leaf> leaves_of(const JobSpec& spec) {
  return Walk(spec.criteria).run(spec.stages);
}

}  // namespace spliced::plan
