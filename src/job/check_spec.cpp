// SPDX-License-Identifier: Apache-2.0
// Where a spec is refused for what it says, before any target is looked at.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "check_io.h"
#include "field_check.h"
#include "spliced/job/spec.h"
#include "spliced/util/text.h"

namespace spliced::job {
namespace {

class Check : private FieldCheck {
 public:
  explicit Check(const JobSpec& spec) : spec_(spec) {}

  std::vector<util::FieldError> run() {
    names();
    stages();
    intent();
    return take();
  }

 private:
  void fit(const std::string& text, const std::string& pointer, std::string_view what) {
    const std::string unfit = util::unfit_character(text);
    require(unfit.empty(), pointer, fmt::format("the {} has {}; it must be printable UTF-8", what, unfit));
  }

  void names() {
    fit(spec_.name, "name", "name");
    const std::size_t length = util::characters(spec_.name);
    require(length <= kMaxNameLength, "name",
            fmt::format("the name has {} characters; at most {}", length, kMaxNameLength));
    require(!spec_.targets.empty(), "targets", "no target; give at least one absolute path");
    require(spec_.targets.size() <= kMaxTargets, "targets",
            fmt::format("{} targets; at most {}", spec_.targets.size(), kMaxTargets));
    std::set<std::string> seen;
    for (std::size_t i = 0; i < spec_.targets.size(); ++i) {
      const auto& path = spec_.targets[i];
      require(!path.empty() && path[0] == '/', fmt::format("targets/{}", i),
              fmt::format("\"{}\" is not an absolute path", path));
      fit(path, fmt::format("targets/{}", i), "path");
      require(seen.insert(path).second, fmt::format("targets/{}", i), fmt::format("{} is named twice", path),
              util::Reason::named_twice);
    }
  }

  void stages() {
    require(!spec_.stages.empty(), "stages", "no stage; give at least one");
    require(spec_.stages.size() <= kMaxStages, "stages",
            fmt::format("{} stages; at most {}", spec_.stages.size(), kMaxStages));
    std::set<std::string> seen;
    const run::IoSpec* first = nullptr;
    for (std::size_t i = 0; i < spec_.stages.size(); ++i) {
      const run::StageSpec& stage = spec_.stages[i];
      const std::string way = fmt::format("stages/{}", i);
      fit(stage.name, way + "/name", "name");
      require(util::characters(stage.name) <= kMaxNameLength, way + "/name",
              fmt::format("the name has {} characters; at most {}", util::characters(stage.name), kMaxNameLength));
      require(stage.name.empty() || seen.insert(stage.name).second, way + "/name",
              fmt::format("another stage is called \"{}\"", stage.name));
      if (const auto* io = run::io_of(stage)) {
        add(util::under(way, check_io(*io, spec_.targets.size())));
        if (first == nullptr) first = io;
        require(io->workload.direct == first->workload.direct, way + "/workload/direct",
                fmt::format("{} here, {} in an earlier stage: a target is opened once", io->workload.direct,
                            first->workload.direct));
      }
      require(stage.error_policy.stall_timeout > 0, way + "/error_policy/stall_timeout", "the timeout must be above 0");
    }
  }

  void intent() {
    for (std::size_t i = 0; i < spec_.stages.size(); ++i) {
      const auto* io = run::io_of(spec_.stages[i]);
      if (io == nullptr || !workload::destroys(io->workload.rw) || spec_.destructive) continue;
      require(false, "destructive",
              fmt::format("rw \"{}\" destroys data on the targets; say \"destructive\": true if that is wanted",
                          workload::kModeNames[static_cast<std::size_t>(io->workload.rw)]));
      break;
    }
    require(!spec_.allow_in_use || !destroys(spec_), "allow_in_use",
            "only a job that does not write or trim may share");
  }

  const JobSpec& spec_;
};

}  // namespace

bool destroys(const JobSpec& spec) {
  return std::any_of(spec.stages.begin(), spec.stages.end(), [](const run::StageSpec& stage) {
    const auto* io = run::io_of(stage);
    return io != nullptr && workload::destroys(io->workload.rw);
  });
}

std::vector<util::FieldError> check_spec(const JobSpec& spec) {
  return Check(spec).run();
}

}  // namespace spliced::job
