// SPDX-License-Identifier: Apache-2.0
#include "estimate.h"

#include <algorithm>
#include <variant>

#include "spliced/workload/pacer.h"
#include "spliced/workload/pass.h"

namespace spliced::plan {

using workload::BlockRange;
using workload::WorkloadSpec;

namespace {

__extension__ using Wide = unsigned __int128;

// What devices of a kind usually do, roughly, over all of their range: bytes per second one after the other, seconds
// until a block somewhere else begins to come, and how many of these at the same time. Of data sheets of the last
// years.
struct Usual {
  double bytes_per_second = 0, access = 0;
  unsigned parallel = 1;
};
constexpr Usual kHardDisk{1.8e8, 8e-3, 1};  // 7,200 turns a minute: 260 MB/s outside, 120 MB/s inside
constexpr Usual kUsbFlash{1.5e8, 5e-4, 1};
constexpr Usual kSata{4.8e8, 1e-4, 32};
constexpr Usual kNvme{2.5e9, 8e-5, 128};
constexpr Usual kOther{5e8, 1e-4, 4};  // a file, a loop device, a virtual disk: as what is below it

Usual usual_of(const device::TargetFacts& facts) {
  const std::string& transport = facts.info.transport;
  if (facts.block_device && facts.info.rotational) return kHardDisk;
  if (transport == "usb") return kUsbFlash;
  if (transport == "sata" || transport == "scsi") return kSata;
  return transport == "nvme" ? kNvme : kOther;
}

Wide requests_of(const WorkloadSpec& w, const BlockRange& range) {
  return Wide{workload::requests_in(w, range)} * w.loops;
}

double by_kind(const WorkloadSpec& w, const BlockRange& range, const Usual& usual) {
  const double requests = static_cast<double>(requests_of(w, range));
  const double times = static_cast<double>(w.loops) * (w.read_back != 0 ? 2 : 1);
  const double transfer = static_cast<double>(range.size) * times / usual.bytes_per_second;
  if (!workload::is_random(w.rw)) return transfer;
  return std::max(transfer, (requests * usual.access + transfer) / std::min(w.workers, usual.parallel));
}

double by_rates(const WorkloadSpec& w, const BlockRange& range) {
  const auto requests = static_cast<std::uint64_t>(std::min(requests_of(w, range), Wide{1} << 62));
  const workload::Pacer pacer(w, range, 0);
  util::Nanos due = 0;
  for (const util::Op op : {util::Op::read, util::Op::write, util::Op::trim}) {
    if (workload::does(w, op)) due = std::max(due, pacer.due(requests, op));
  }
  return static_cast<double>(due) / 1e9;
}

Estimate estimate_stream(const WorkloadSpec& w, const run::StreamTimes& times, const BlockRange& range,
                         const Usual& usual) {
  const double longest = static_cast<double>(times.ends) / 1e9;
  if (w.time_based) return {longest, false};
  Estimate out{by_kind(w, range, usual), true};
  if (workload::paced(w)) {
    const double paced = by_rates(w, range);
    if (paced * 10 >= out.seconds) out = {paced, false};  // a rate that is far beyond it says nothing
  }
  out.seconds += static_cast<double>(times.begins) / 1e9;
  if (times.ends != 0) out.seconds = std::min(out.seconds, longest);
  return out;
}

struct ByKindOfStage {
  const run::StagePlan& plan;
  const Usual usual;
  std::optional<Estimate> operator()(const run::WaitSpec& what) const {
    return Estimate{static_cast<double>(what.time) / 1e9, false};
  }
  // The longest of its streams.
  std::optional<Estimate> operator()(const run::StreamsSpec& what) const {
    Estimate out;
    for (std::size_t i = 0; i < what.streams.size(); ++i) {
      const run::StreamSpec& stream = what.streams[i];
      const Estimate one =
          estimate_stream(stream.io.workload, run::times_of(what, stream), plan.streams[i].range, usual);
      out.seconds = std::max(out.seconds, one.seconds);
      out.is_rough = out.is_rough || one.is_rough;
    }
    return out;
  }
  std::optional<Estimate> operator()(const run::VerifySpec& what) const { return (*this)(what.io); }
  std::optional<Estimate> operator()(const run::RereadSpec&) const { return Estimate{}; }    // of a healthy disk
  std::optional<Estimate> operator()(const run::RepeatSpec&) const { return std::nullopt; }  // no leaf
};

}  // namespace

std::optional<Estimate> estimate_stage(const run::StageSpec& stage, const run::StagePlan& plan,
                                       const device::TargetFacts& facts) {
  return std::visit(ByKindOfStage{plan, usual_of(facts)}, stage.what);
}

}  // namespace spliced::plan
