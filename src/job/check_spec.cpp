// SPDX-License-Identifier: Apache-2.0
// Where a spec is refused for what it says, before any target is looked at.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "budget.h"
#include "run/tuning.h"
#include "spliced/job/spec.h"
#include "spliced/util/text.h"

namespace spliced::job {
namespace {

using workload::Distribution;
using workload::WorkloadSpec;

class Check {
 public:
  explicit Check(const JobSpec& spec) : spec_(spec) {}

  std::vector<util::FieldError> run() {
    names();
    ranges();
    block();
    times();
    distribution();
    intent();
    return std::move(errors_);
  }

 private:
  void require(bool good, std::string pointer, std::string detail, util::Reason reason = util::Reason::invalid) {
    if (!good) errors_.push_back({std::move(pointer), std::move(detail), reason});
  }

  void fit(const std::string& text, const std::string& pointer, std::string_view what) {
    const std::string unfit = util::unfit_character(text);
    require(unfit.empty(), pointer, fmt::format("the {} has {}; it must be printable UTF-8", what, unfit));
  }

  void names() {
    fit(spec_.name, "/name", "name");
    const std::size_t length = util::characters(spec_.name);
    require(length <= kMaxNameLength, "/name",
            fmt::format("the name has {} characters; at most {}", length, kMaxNameLength));
    require(!spec_.targets.empty(), "/targets", "no target; give at least one absolute path");
    require(spec_.targets.size() <= kMaxTargets, "/targets",
            fmt::format("{} targets; at most {}", spec_.targets.size(), kMaxTargets));
    std::set<std::string> seen;
    for (std::size_t i = 0; i < spec_.targets.size(); ++i) {
      const auto& path = spec_.targets[i];
      require(!path.empty() && path[0] == '/', fmt::format("/targets/{}", i),
              fmt::format("\"{}\" is not an absolute path", path));
      fit(path, fmt::format("/targets/{}", i), "path");
      require(seen.insert(path).second, fmt::format("/targets/{}", i), fmt::format("{} is named twice", path),
              util::Reason::named_twice);
    }
  }

  void ranges() {
    const WorkloadSpec& w = spec_.workload;
    require(w.rwmixread <= 100, "/workload/rwmixread", fmt::format("{} is not a percentage (0 to 100)", w.rwmixread));
    require(w.workers >= 1 && w.workers <= kMaxWorkers, "/workload/workers",
            fmt::format("{} is not between 1 and {}", w.workers, kMaxWorkers));
    require(w.loops >= 1, "/workload/loops", "0 loops would do nothing; give 1 or more");
    require(!w.size.relative || (w.size.percent > 0 && w.size.percent <= 100), "/workload/size",
            "a percentage must be above 0% and at most 100%");
    require(w.size.relative || w.size.bytes > 0, "/workload/size", "the size must be above 0");
    require(!w.offset.relative || (w.offset.percent >= 0 && w.offset.percent < 100), "/workload/offset",
            "a percentage must be at least 0% and below 100%");
    // Where the batch is left open it is chosen so that there is room.
    const std::uint64_t buffers = buffer_bytes(spec_, {.batch_limit = 0});
    require(w.bs > kMaxBlock || buffers <= kMaxBufferBytes, "/workload/bs",
            fmt::format("{} targets with {} workers and blocks of {} bytes need {} bytes of buffers; at most {}",
                        spec_.targets.size(), w.workers, w.bs, buffers, kMaxBufferBytes));
  }

  void block() {
    const std::uint64_t bs = spec_.workload.bs;
    require(bs >= kMinBlock && bs <= kMaxBlock, "/workload/bs",
            fmt::format("{} bytes; a block has {} to {} bytes", bs, kMinBlock, kMaxBlock));
    require(bs < kMinBlock || bs > kMaxBlock || bs % kMinBlock == 0, "/workload/bs",
            fmt::format("{} is not a multiple of {} bytes", bs, kMinBlock));
    for (auto& error : engine::kind_of(spec_.engine).check(spec_.engine, run::load_of(spec_))) {
      errors_.push_back({"/engine/" + error.pointer, std::move(error.detail), error.reason});
    }
  }

  void times() {
    const WorkloadSpec& w = spec_.workload;
    require(!w.time_based || w.runtime > 0, "/workload/time_based", "true needs a /workload/runtime above 0");
    require(spec_.error_policy.stall_timeout > 0, "/error_policy/stall_timeout", "the timeout must be above 0");
  }

  void distribution() {
    const Distribution& d = spec_.workload.distribution;
    const bool valid = d.kind == Distribution::Kind::uniform ||
                       (d.kind == Distribution::Kind::zipf && d.parameter > 0 && d.parameter <= 100) ||
                       (d.kind == Distribution::Kind::pareto && d.parameter > 0 && d.parameter < 1) ||
                       (d.kind == Distribution::Kind::normal && d.parameter > 0 && d.parameter <= 100);
    require(valid, "/workload/random_distribution",
            fmt::format("the parameter {} is out of range; zipf:θ with 0 < θ <= 100, pareto:h with 0 < h < 1, "
                        "normal:σ with 0 < σ <= 100 (percent of the range)",
                        d.parameter));
    require(d.kind == Distribution::Kind::uniform || workload::is_random(spec_.workload.rw),
            "/workload/random_distribution", "only a random rw mode has a distribution");
  }

  void intent() {
    const WorkloadSpec& w = spec_.workload;
    const bool destroys = workload::destroys(w.rw);
    require(!destroys || spec_.destructive, "/destructive",
            fmt::format("rw \"{}\" destroys data on the targets; say \"destructive\": true if that is wanted",
                        workload::kModeNames[static_cast<std::size_t>(w.rw)]));
    require(!spec_.allow_in_use || !destroys, "/allow_in_use", "only a job that does not write or trim may share");
    for (const auto& [pointer, every] : std::initializer_list<std::pair<const char*, std::uint64_t>>{
             {"/workload/fsync", w.fsync},
             {"/workload/fdatasync", w.fdatasync},
             {"/workload/sync_file_range", w.sync_file_range}}) {
      require(workload::writes(w.rw) || every == 0, pointer, "there is nothing to sync in a job that does not write");
    }
  }

  const JobSpec& spec_;
  std::vector<util::FieldError> errors_;
};

}  // namespace

std::vector<run::StageSpec> stages_of(const JobSpec& spec) {
  return {{"", run::IoSpec(spec), spec.error_policy}};
}

std::vector<util::FieldError> check_spec(const JobSpec& spec) {
  return Check(spec).run();
}

}  // namespace spliced::job
