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
    if (next_ == end_) return std::exchange(ended_, true) ? "" : writer_.end();
    const std::size_t index = next_++;
    const auto peers = peers_.empty() ? std::nullopt : std::optional(peers_[index]);
    if (!is_whole_ || !job_.figures) return writer_.device(results::render_device(job_.device(index), nullptr, peers));
    // In this order: a stage that ends meanwhile has its figures by then.
    const job::DeviceSnapshot device = job_.device(index);
    const run::DeviceFigures figures = job_.figures(index);
    return writer_.device(results::render_device(device, &figures, peers));
  }

 private:
  const JobView job_;
  const bool is_whole_;
  std::size_t next_;
  const std::size_t end_;
  const std::vector<Peers> peers_;
  results::Writer writer_;
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
