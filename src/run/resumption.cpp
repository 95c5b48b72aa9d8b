// SPDX-License-Identifier: Apache-2.0
#include "resumption.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "expectation.h"
#include "spliced/util/page_buffer.h"

namespace spliced::run {

using workload::BlockRange;
using workload::Cursor;
using workload::Pass;

namespace {

constexpr std::uint64_t kMostLooked = 100'000;  // positions, for one that is done and writes
constexpr std::uint64_t kInFlight = 256;        // positions
constexpr std::uint64_t kWitnessBytes = 4096;   // at least, where the block has as many: any device takes that

std::uint64_t rounds_of(const workload::WorkloadSpec& workload) {
  return workload.time_based ? std::numeric_limits<std::uint64_t>::max() : workload.loops;
}

const StreamsSpec* streams_in(const StageSpec& stage) {
  if (const auto* io = std::get_if<StreamsSpec>(&stage.what)) return io;
  if (const auto* check = std::get_if<VerifySpec>(&stage.what)) return &check->io;
  return nullptr;
}

}  // namespace

WriteHistory::Series make_series(const SeriesParts& parts) {
  const workload::WorkloadSpec& w = parts.io.workload;
  if (!workload::destroys(w.rw)) return nullptr;
  std::shared_ptr<const verify::Image> image;
  if (workload::writes(w.rw)) {
    image = std::make_shared<const verify::Image>(payload_of(parts.io, parts.first_round.range().offset),
                                                  parts.origin.with_seed(w.seed));
  }
  return std::make_shared<WrittenSeries>(std::move(image), parts.first_round, parts.first_pass, parts.contested,
                                         parts.place);
}

bool is_contested(const StreamsSpec& stage, const StagePlan& plan, std::size_t stream) {
  const BlockRange& own = plan.streams.at(stream).range;
  for (std::size_t i = 0; i < stage.streams.size(); ++i) {
    const BlockRange& other = plan.streams.at(i).range;
    const bool apart = other.offset + other.size <= own.offset || own.offset + own.size <= other.offset;
    if (i != stream && !apart && workload::destroys(stage.streams[i].io.workload.rw)) return true;
  }
  return false;
}

void resume_series(WrittenSeries& series, const Resumption& from, std::size_t stream,
                   const workload::WorkloadSpec& workload) {
  std::vector<PositionRange> doubts;
  for (const SeriesPoint& point : from.at.series) {
    if (point.stage == from.at.stage && point.stream == stream) doubts = point.doubts;
  }
  series.resume(from.at.cursors.at(stream), rounds_of(workload), doubts);
}

std::string find_misfit(const Checkpoint& at, const std::vector<StageSpec>& stages,
                        const std::vector<StagePlan>& plans) {
  if (at.stage >= stages.size() || plans.size() != stages.size()) return "is of a stage that the job does not have";
  const std::size_t streams = streams_of(stages[at.stage]).size();
  if (at.cursors.size() != streams || at.streams.size() != streams) return "is of other streams";
  for (const SeriesPoint& one : at.series) {
    if (one.stage > at.stage || one.stream >= streams_of(stages[one.stage]).size())
      return "names a stream that is none";
  }
  return "";
}

void restore(const History& of, const Checkpoint& at, WriteHistory& out) {
  for (const SeriesPoint& point : at.series) {
    if (point.stage >= at.stage) continue;
    const StageSpec& stage = of.stages.at(point.stage);
    const StagePlan& plan = of.plans.at(point.stage);
    const IoSpec& io = streams_of(stage)[point.stream].io;
    const StreamsSpec* streams = streams_in(stage);
    const bool contested = streams != nullptr && is_contested(*streams, plan, point.stream);
    auto series = make_series({of.origin,
                               io,
                               Pass(io.workload, plan.streams.at(point.stream).range),
                               point.first_pass,
                               contested,
                               {point.stage, point.stream, stage.name}});
    if (!series) continue;
    series->resume(point.cursor, 0, point.doubts);
    series->end(point.cursor);
    out.add(std::move(series));
  }
}

namespace {

// What one stream had done, and of what.
struct Done {
  const Pass pass;
  const Cursor& cursor;
  std::shared_ptr<const verify::Image> image;
};

std::optional<Witness> witness_at(const Done& done, std::uint64_t position) {
  if (done.pass.count() == 0 || !done.cursor.is_done(position)) return std::nullopt;
  const workload::Request request = done.pass.round(position / done.pass.count()).at(position % done.pass.count());
  if (request.op != util::Op::write) return std::nullopt;
  const std::uint64_t length =
      std::min<std::uint64_t>(request.length, std::max<std::uint64_t>(done.image->interval(), kWitnessBytes));
  return Witness{request.offset, length, done.image};
}

// The first from there on, upwards or downwards.
void add_witness(const Done& done, std::uint64_t from, bool upwards, std::vector<Witness>& out) {
  for (std::uint64_t i = 0; i < kMostLooked && (upwards || i <= from); ++i) {
    if (auto found = witness_at(done, upwards ? from + i : from - i)) return out.push_back(std::move(*found));
  }
}

// Of the block, if it was written: at the ends of a disk is what tells of partitions and file systems.
void add_witness_of(const Done& done, std::uint64_t block, std::vector<Witness>& out) {
  if (done.pass.count() == 0) return;
  const std::uint64_t last = done.cursor.watermark / done.pass.count();
  for (std::uint64_t round : {last, last == 0 ? 0 : last - 1}) {
    const auto index = done.pass.round(round).index_of_change(block);
    if (!index) continue;
    if (auto found = witness_at(done, round * done.pass.count() + *index)) return out.push_back(std::move(*found));
  }
}

std::optional<Done> done_by(const History& of, const SeriesPoint& point, const Cursor& cursor) {
  const IoSpec& io = streams_of(of.stages.at(point.stage))[point.stream].io;
  const BlockRange& range = of.plans.at(point.stage).streams.at(point.stream).range;
  if (!workload::writes(io.workload.rw)) return std::nullopt;
  return Done{
      Pass(io.workload, range), cursor,
      std::make_shared<const verify::Image>(payload_of(io, range.offset), of.origin.with_seed(io.workload.seed))};
}

}  // namespace

std::vector<Witness> witnesses(const History& of, const Checkpoint& at) {
  std::vector<Witness> out;
  for (auto point = at.series.rbegin(); point != at.series.rend() && out.empty(); ++point) {
    const bool goes_on = point->stage == at.stage;
    const Cursor& cursor = goes_on ? at.cursors.at(point->stream) : point->cursor;
    if (cursor.watermark == 0 && cursor.done.empty()) continue;
    const auto done = done_by(of, *point, cursor);
    if (!done) break;  // trimmed
    const std::uint64_t end = cursor.watermark + 64 * cursor.done.size();
    const BlockRange& range = done->pass.range();
    if (done->pass.is_known() && range.size >= range.block) {
      add_witness_of(*done, 0, out);
      add_witness_of(*done, (range.size - 1) / range.block, out);
    }
    add_witness(*done, 0, true, out);
    add_witness(*done, cursor.watermark / 2, true, out);
    add_witness(*done, end == 0 ? 0 : end - 1, false, out);
  }
  return out;
}

namespace {

bool is_held(const Witness& one, std::span<const std::byte> data) {
  if (data.size() < verify::kSector) return false;
  if (!one.image->has_tags() && one.image->interval() == 0) return one.image->check(data, one.offset, 1) == data.size();
  return FoundData(one.image).has_own_in(data, one.offset);
}

}  // namespace

std::vector<Witness> first_in_flight(const History& of, const Checkpoint& at) {
  std::vector<Witness> out;
  const auto streams = streams_of(of.stages.at(at.stage));
  for (std::size_t i = 0; i < streams.size(); ++i) {
    const auto done = done_by(of, {at.stage, i, at.next_pass, {}, {}}, at.cursors.at(i));
    if (!done || done->pass.count() == 0) continue;
    for (std::uint64_t k = 0; k < kInFlight; ++k) {
      const std::uint64_t position = at.cursors[i].watermark + k;
      const workload::Request request =
          done->pass.round(position / done->pass.count()).at(position % done->pass.count());
      if (request.op != util::Op::write) continue;
      out.push_back({request.offset, std::min<std::uint64_t>(request.length, kWitnessBytes), done->image});
    }
  }
  return out;
}

bool holds_any(int fd, const std::vector<Witness>& places) {
  return std::any_of(places.begin(), places.end(),
                     [fd](const Witness& one) { return check_places(fd, {one}).has_value(); });
}

util::Status check_places(int fd, const std::vector<Witness>& places) {
  for (const Witness& one : places) {
    auto buffer = util::PageBuffer::allocate(one.length);
    if (!buffer) return tl::unexpected(buffer.error());
    (void)::posix_fadvise(fd, static_cast<off_t>(one.offset), static_cast<off_t>(one.length), POSIX_FADV_DONTNEED);
    ssize_t got = 0;
    do {
      got = ::pread(fd, buffer->data(), one.length, static_cast<off_t>(one.offset));
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
      return util::fail(
          util::Errc::system,
          fmt::format("its {} bytes at offset {} cannot be read: {}", one.length, one.offset, util::errno_text(errno)),
          errno);
    }
    const auto bytes = static_cast<std::size_t>(got) / verify::kSector * verify::kSector;
    if (!is_held(one, {buffer->data(), bytes})) {
      return util::refuse(
          util::Reason::changed,
          fmt::format("its {} bytes at offset {} are not what this job wrote there", one.length, one.offset));
    }
  }
  return {};
}

}  // namespace spliced::run
