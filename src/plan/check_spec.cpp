// SPDX-License-Identifier: Apache-2.0
// Where a spec is refused for what it says, before any target is looked at.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "check_criteria.h"
#include "check_io.h"
#include "field_check.h"
#include "resolve.h"
#include "spliced/plan/spec.h"
#include "spliced/util/text.h"

namespace spliced::plan {
namespace {

class Check : private FieldCheck {
 public:
  explicit Check(const JobSpec& spec) : spec_(spec) {}

  std::vector<util::FieldError> run() {
    names();
    stages();
    intent();
    add(check_criteria(spec_));
    return take();
  }

 private:
  void fit(const std::string& text, const std::string& pointer, std::string_view what) {
    const std::string unfit = util::unfit_character(text);
    require(unfit.empty(), pointer, fmt::format("the {} has {}; it must be printable UTF-8", what, unfit));
  }

  void names() {
    name(spec_.name, "name");
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
    list(spec_.stages, "stages");
    const std::size_t count = count_of(spec_.stages);
    require(count <= kMaxStages, "stages",
            fmt::format("{} stages are gone through, with those that are repeated; at most {}", count, kMaxStages));
    const std::size_t devices = spec_.targets.size();
    require(count > kMaxStages || devices > kMaxTargets || count * devices <= kMaxStageResults, "stages",
            fmt::format("{} stages on {} targets have {} results; at most {}", count, devices, count * devices,
                        kMaxStageResults));
  }

  // Of so many that it is too much, no more than that.
  static std::size_t count_of(const std::vector<run::StageSpec>& stages) {
    std::size_t out = 0;
    for (const auto& stage : stages) {
      const auto* again = std::get_if<run::RepeatSpec>(&stage.what);
      const std::size_t each = again == nullptr ? 1 : count_of(again->stages);
      const std::size_t times = again == nullptr ? 1 : std::min<std::uint64_t>(again->times, kTooMany);
      out = std::min(kTooMany, out + std::min(kTooMany, each * times));
    }
    return out;
  }

  void list(const std::vector<run::StageSpec>& stages, const std::string& way) {
    require(!stages.empty(), way, "no stage; give at least one");
    for (std::size_t i = 0; i < stages.size(); ++i) stage(stages[i], fmt::format("{}/{}", way, i));
  }

  void stage(const run::StageSpec& stage, const std::string& way) {
    name(stage.name, way + "/name");
    require(stage.name.empty() || stages_seen_.insert(stage.name).second, way + "/name",
            fmt::format("another stage is called \"{}\"", stage.name));
    if (const auto* io = std::get_if<run::StreamsSpec>(&stage.what)) streams(*io, way);
    if (const auto* check = std::get_if<run::VerifySpec>(&stage.what)) verification(*check, way);
    if (const auto* again = std::get_if<run::RepeatSpec>(&stage.what)) {
      require(again->times > 0, way + "/repeat/times", "0 times would do nothing; give 1 or more");
      list(again->stages, way + "/repeat/stages");
    }
    before_.add(stage);
    require(stage.error_policy.stall_timeout > 0, way + "/error_policy/stall_timeout", "the timeout must be above 0");
  }

  void verification(const run::VerifySpec& stage, const std::string& way) {
    const run::IoSpec& io = stage.io.streams.front().io;
    const std::string at = way + "/verify";
    if (stage.of.empty()) {
      const bool says = io.check.run.has_value();
      require(io.check.reads != run::CheckSpec::What::found || says != stage.adopt, at + "/only",
              "give the run_id of the data, or \"adopt\": true to go by what is found");
    } else {
      const auto written = before_.find(stage.of);
      const char* field = "/of";
      require(written.stage != nullptr, at + field,
              fmt::format("no stage before this one is called \"{}\"; name one that writes", stage.of));
      require(written.stage == nullptr || written.io != nullptr, at + field,
              fmt::format("\"{}\" is not a stage of one workload; name one that is", stage.of));
      require(written.io == nullptr || workload::writes(written.io->workload.rw), at + field,
              fmt::format("\"{}\" writes nothing that could be checked", stage.of));
      if (written.io == nullptr) return;
      interval(stage, *written.io, at + "/interval");
    }
    std::vector<util::FieldError> errors =
        check_io(io, run::times_of(stage.io, stage.io.streams.front()), spec_.targets.size());
    // What the other stage is to blame for is told there.
    std::erase_if(errors, [&](auto& one) { return !stage.of.empty() && !one.pointer.starts_with("engine"); });
    for (auto& error : errors) {
      if (error.pointer.starts_with("workload/")) error.pointer.replace(0, 8, "verify");
    }
    add(util::under(way, std::move(errors)));
    if (stage.of.empty()) direct(io.workload.direct, at + "/direct");
  }

  // Which one writes has, as its first check says, or itself.
  void interval(const run::VerifySpec& stage, const run::IoSpec& writer, const std::string& field) {
    if (stage.interval == 0) return;
    if (stage.interval == writer.payload.interval) {
      for (auto& error : check_interval(stage.interval, writer.workload)) require(false, field, error.detail);
    } else {
      require(false, field,
              fmt::format("{} here, but what \"{}\" writes has intervals of {} already", stage.interval, stage.of,
                          writer.payload.interval));
    }
  }

  void streams(const run::StreamsSpec& stage, const std::string& way) {
    require(!stage.streams.empty(), way + "/streams", "no stream; give at least one");
    std::set<std::string> seen;
    std::size_t workers = 0;
    for (std::size_t i = 0; i < stage.streams.size(); ++i) {
      const run::StreamSpec& stream = stage.streams[i];
      const std::string at = fmt::format("{}/streams/{}", way, i);
      name(stream.name, at + "/name");
      require(seen.insert(stream.name).second, at + "/name",
              fmt::format("another stream is called \"{}\"", stream.name));
      add(util::under(at, check_io(stream.io, run::times_of(stage, stream), spec_.targets.size())));
      direct(stream.io.workload.direct, at + "/workload/direct");
      require(!stream.io.until || run::is_one_workload(stage), at + "/workload/until",
              "only a stage of one workload goes on until that is steady");
      workers += std::min(stream.io.workload.workers, kMaxWorkers);
    }
    require(stage.streams.size() < 2 || workers <= kMaxWorkers, way + "/streams",
            fmt::format("the streams have {} workers together; at most {}", workers, kMaxWorkers));
  }

  // The same for all I/O of a job.
  void direct(bool given, const std::string& field) {
    if (!direct_) direct_ = given;
    require(given == *direct_, field, fmt::format("{} here, {} before: a target is opened once", given, *direct_));
  }

  void name(const std::string& text, const std::string& field) {
    fit(text, field, "name");
    require(util::characters(text) <= kMaxNameLength, field,
            fmt::format("the name has {} characters; at most {}", util::characters(text), kMaxNameLength));
  }

  void intent() {
    const run::IoSpec* destroyer = nullptr;
    for (const auto& stage : spec_.stages) {
      if (destroyer == nullptr) destroyer = run::first_that_destroys(stage);
    }
    if (destroyer != nullptr && !spec_.destructive) {
      const auto rw = static_cast<std::size_t>(destroyer->workload.rw);
      require(false, "destructive",
              fmt::format("rw \"{}\" destroys data on the targets; say \"destructive\": true if that is wanted",
                          workload::kModeNames[rw]));
    }
    require(!spec_.allow_in_use || destroyer == nullptr, "allow_in_use",
            "only a job that does not write or trim may share");
  }

  static constexpr std::size_t kTooMany = 1'000'000;
  StagesBefore<const run::StageSpec> before_;
  std::set<std::string> stages_seen_;
  std::optional<bool> direct_;
  const JobSpec& spec_;
};

}  // namespace

bool destroys(const JobSpec& spec) {
  return std::any_of(spec.stages.begin(), spec.stages.end(),
                     [](auto& stage) { return run::first_that_destroys(stage) != nullptr; });
}

std::vector<util::FieldError> check_spec(const JobSpec& spec) {
  return Check(spec).run();
}

}  // namespace spliced::plan
