// SPDX-License-Identifier: Apache-2.0
#include "check_criteria.h"

#include <fmt/format.h>

#include <algorithm>

#include "field_check.h"

namespace spliced::plan {
namespace {

using Does = std::array<bool, util::kOpClasses>;

constexpr std::array<std::string_view, util::kOpClasses> kVerbs{"reads", "writes", "trims", "syncs"};

class CriteriaCheck : private FieldCheck {
 public:
  explicit CriteriaCheck(const JobSpec& spec) : spec_(spec) {}

  std::vector<util::FieldError> run() {
    const Does all = go_through(spec_.stages, "stages");
    const Criteria& criteria = spec_.criteria;
    directions(criteria.stages, all, "criteria", "no stage");
    const bool checks = verifies(spec_);
    for (const auto& [given, name] : {std::pair(criteria.max_mismatches.has_value(), "max_mismatches"),
                                      std::pair(criteria.max_indeterminate.has_value(), "max_indeterminate")}) {
      require(!given || checks, fmt::format("criteria/{}", name),
              "no stage checks what it reads; give one a \"verify\"");
    }
    require(!criteria.max_slow_zone || criteria.slow_zone_if_measurable || shows_zones(spec_.stages),
            "criteria/max_slow_zone",
            "no stage is one sequential workload with direct I/O and without a rate, so that it could not be measured");
    require(
        !criteria.max_peer_deviation || criteria.peers_if_measurable || spec_.targets.size() >= kLeastPeers,
        "criteria/max_peer_deviation",
        fmt::format("{} targets; it takes {} of one model to tell what is usual", spec_.targets.size(), kLeastPeers));
    require(criteria.steady == Steady::none || has_until(spec_.stages), "criteria/steady",
            "no stage has an \"until\", so that it could not be measured");
    return take();
  }

 private:
  static bool has_until(const std::vector<run::StageSpec>& stages) {
    return std::any_of(stages.begin(), stages.end(), [](const run::StageSpec& stage) {
      const auto all = run::all_io_of(stage);
      return std::any_of(all.begin(), all.end(), [](const run::IoSpec* io) { return io->until.has_value(); });
    });
  }

  static constexpr std::size_t kLeastPeers = 4;

  static bool shows_zones(const std::vector<run::StageSpec>& stages) {
    return std::any_of(stages.begin(), stages.end(), [](const run::StageSpec& stage) {
      const auto* again = std::get_if<run::RepeatSpec>(&stage.what);
      return again != nullptr ? shows_zones(again->stages)
                              : run::shows_zones(stage, util::OpClass::read, true) ||
                                    run::shows_zones(stage, util::OpClass::write, true);
    });
  }

  // What is done in them, all together.
  Does go_through(const std::vector<run::StageSpec>& stages, const std::string& way) {
    Does all{};
    for (std::size_t i = 0; i < stages.size(); ++i) {
      const std::string at = fmt::format("{}/{}", way, i);
      const auto* again = std::get_if<run::RepeatSpec>(&stages[i].what);
      const Does does = again != nullptr ? go_through(again->stages, at + "/repeat/stages") : run::does_of(stages[i]);
      for (std::size_t k = 0; k < all.size(); ++k) all[k] = all[k] || does[k];
      if (!stages[i].criteria) continue;
      require(again == nullptr, at + "/criteria", "a repeat is not judged as a whole; give its stages criteria");
      directions(*stages[i].criteria, does, at + "/criteria", "the stage never");
    }
    return all;
  }

  void directions(const run::StageCriteria& criteria, const Does& does, const std::string& way, std::string_view who) {
    const auto look = [&](util::OpClass op, const char* what) {
      const auto index = static_cast<std::size_t>(op);
      require(does.at(index), fmt::format("{}/{}/{}", way, what, util::kOpClassNames.at(index)),
              fmt::format("{} {}, so that it could not be measured", who, kVerbs.at(index)));
    };
    for (const auto& limit : criteria.latency) look(limit.op, "latency");
    for (const auto& rate : criteria.min_rate) look(rate.op, "min_rate");
  }

  const JobSpec& spec_;
};

}  // namespace

std::vector<util::FieldError> check_criteria(const JobSpec& spec) {
  return CriteriaCheck(spec).run();
}

}  // namespace spliced::plan
