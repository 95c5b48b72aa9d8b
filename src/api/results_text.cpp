// SPDX-License-Identifier: Apache-2.0
#include "results_text.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "answers.h"
#include "cutter.h"

namespace spliced::api {

using job::JobView;
using verdict::Peers;

namespace {

// What each of them shows of the others: only where a criterion asks for that.
std::vector<Peers> peers_of(const JobView& job) {
  if (!job.head.spec.criteria.max_peer_deviation) return {};
  std::vector<run::DeviceSnapshot> all(job.devices);
  std::vector<const run::DeviceSnapshot*> list;
  for (std::size_t i = 0; i < job.devices; ++i) {
    job::DeviceSnapshot device = job.device(i);
    all[i].state = device.state;
    all[i].facts.info.model = std::move(device.facts.info.model);
    all[i].shown = std::move(device.shown);
    list.push_back(&all[i]);
  }
  return verdict::compare_peers(list);
}

std::optional<std::size_t> find_device(const JobView& job, const std::string& name) {
  for (std::size_t i = 0; i < job.devices; ++i) {
    const device::TargetFacts facts = job.device(i).facts;
    if (facts.name == name || facts.path == name) return i;
  }
  return std::nullopt;
}

// A device at a time, and of its large figures those of one stage.
class ResultsParts {
 public:
  // `only`: this device alone, else all.
  ResultsParts(JobView job, std::optional<std::size_t> only, const ResultsWanted& wanted)
      : job_(std::move(job)),
        is_whole_(only.has_value() || job_.devices == 1),
        next_(only.value_or(0)),
        end_(only ? *only + 1 : job_.devices),
        peers_(peers_of(job_)),
        writer_(render_head(job_.head), job_.devices, wanted.maker, std::chrono::system_clock::now(), wanted.key) {}
  std::string operator()() {
    if (!std::exchange(begun_, true)) return writer_.begin();
    if (device_) return stage_ == device_->stages.size() ? end_device() : next_stage();
    if (next_ == end_) return std::exchange(ended_, true) ? "" : writer_.end();
    return begin_device();
  }

 private:
  std::string begin_device() {
    device_ = job_.device(next_);
    stage_ = 0;
    const auto over_time = is_whole_ && job_.over_time ? job_.over_time(next_) : std::nullopt;
    return writer_.begin_device(
        results::render_device(*device_, over_time, peers_.empty() ? std::nullopt : std::optional(peers_[next_])));
  }
  // What a stage came to that ends meanwhile is there by then.
  std::string next_stage() {
    const run::StageSnapshot& stage = device_->stages[stage_];
    const auto figures = is_whole_ && job_.figures ? job_.figures(next_, stage_) : std::nullopt;
    ++stage_;
    return writer_.stage(results::render_stage(stage, figures));
  }
  std::string end_device() {
    device_.reset();
    ++next_;
    return writer_.end_device();
  }

  const JobView job_;
  const bool is_whole_;
  std::size_t next_;
  const std::size_t end_;
  const std::vector<Peers> peers_;
  results::Writer writer_;
  std::optional<job::DeviceSnapshot> device_;  // that is being written
  std::size_t stage_ = 0;                      // of it, the next
  bool begun_ = false, ended_ = false;
};

}  // namespace

util::Result<util::Pieces> results_text(JobView job, const ResultsWanted& wanted) {
  std::optional<std::size_t> only;
  if (!wanted.device.empty()) {
    only = find_device(job, wanted.device);
    if (!only) {
      return util::fail(util::Errc::not_found,
                        fmt::format("the job {} has no device \"{}\"", job.head.id, wanted.device));
    }
  }
  return pieces_of(std::make_shared<ResultsParts>(std::move(job), only, wanted));
}

}  // namespace spliced::api
