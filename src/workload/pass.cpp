// SPDX-License-Identifier: Apache-2.0
#include "spliced/workload/pass.h"

#include <algorithm>

#include "draw.h"
#include "spliced/util/random.h"

namespace spliced::workload {

using util::mix64;
using util::Op;

namespace {

// What the key of a round is hashed with, so that place and operation have nothing to do with one another.
constexpr std::uint64_t kPlace = 1, kOperation = 2;

__extension__ using Wide = unsigned __int128;

constexpr std::uint64_t kChunkBytes = std::uint64_t{1} << 20,
                        kChunkBlocks = 256;  // that are written, or read, in a row

ReadBack read_back_of(const WorkloadSpec& spec, const BlockRange& range) {
  if (spec.read_back == 0) return {};
  const std::uint64_t chunk = std::clamp<std::uint64_t>(kChunkBytes / range.block, 1, kChunkBlocks);
  const std::uint64_t distance =
      spec.read_back == kOwnDistance ? std::max(kLeastDistance, range.size / 100) : spec.read_back;
  return {range.count(), chunk, std::max<std::uint64_t>(1, distance / range.block)};
}

Op op_of(Mode mode) {
  if (is_trim(mode)) return Op::trim;
  return reads(mode) ? Op::read : Op::write;
}

}  // namespace

std::uint64_t requests_in(const WorkloadSpec& spec, const BlockRange& range) {
  if (spec.read_back != 0) return 2 * range.count();
  if (!mixes_sizes(spec)) return range.count();
  const Wide mean = Wide{spec.bs.read} * spec.rwmixread + Wide{spec.bs.write} * (100 - spec.rwmixread);
  return static_cast<std::uint64_t>((Wide{range.size} * 100 + mean - 1) / mean);
}

Pass::Order Pass::order_of(const WorkloadSpec& spec) {
  if (!is_random(spec.rw)) return Order::sequential;
  if (mixes_sizes(spec)) return Order::of_sizes;
  return spec.distribution.kind == Distribution::Kind::uniform ? Order::permuted : Order::drawn;
}

Pass::Pass(const WorkloadSpec& spec, const BlockRange& range, std::uint64_t number)
    : order_(order_of(spec)),
      mixed_(is_mixed(spec.rw)),
      op_(op_of(spec.rw)),
      read_percent_(spec.rwmixread),
      sizes_(spec.bs),
      range_(range),
      count_(requests_in(spec, range)),
      reads_back_(spec.read_back != 0),
      read_back_(read_back_of(spec, range)),
      seed_(mix64(spec.seed)),
      permutation_(0, 0) {
  if (order_ >= Order::drawn) draw_ = std::make_shared<const Draw>(spec.distribution, range.count(), spec.seed);
  begin(number);
}

Pass Pass::round(std::uint64_t number) const {
  Pass out(*this);
  out.begin(number);
  return out;
}

void Pass::begin(std::uint64_t number) {
  key_ = mix64(seed_ ^ mix64(number));
  if (order_ == Order::permuted) permutation_ = Permutation(range_.count(), key_ ^ kPlace);
}

std::uint64_t Pass::block_at(std::uint64_t index) const {
  if (order_ == Order::sequential) return index;
  if (order_ == Order::permuted) return permutation_(index);
  util::KeyedRandom random(mix64(key_ ^ kPlace) ^ mix64(index));
  return (*draw_)(random);
}

// `number`: of the block where each comes once in a round, else of the request.
Op Pass::op_at(std::uint64_t number) const {
  if (!mixed_) return op_;
  return util::scale_to(100, mix64(mix64(key_ ^ kOperation) ^ number)) < read_percent_ ? Op::read : Op::write;
}

Request Pass::at(std::uint64_t index) const {
  if (order_ == Order::of_sizes) return sized_at(index);
  if (reads_back_) return read_back_at(index);
  const std::uint64_t block = block_at(index);
  return {op_at(order_ == Order::drawn ? index : block), range_.start_of(block), range_.length_of(block)};
}

Request Pass::read_back_at(std::uint64_t index) const {
  const auto [reads, place] = read_back_.at(index);
  const std::uint64_t block = block_at(place);
  Request out{reads ? Op::read : Op::write, range_.start_of(block), range_.length_of(block)};
  if (reads) out.needs = read_back_.position_of_write(place);
  return out;
}

// The blocks of the range are the smaller ones.
Request Pass::sized_at(std::uint64_t index) const {
  const Op op = op_at(index);
  const BlockRange own{range_.offset, range_.size, sizes_.of(op)};
  const std::uint64_t block = block_at(index) * range_.block / own.block;
  return {op, own.start_of(block), own.length_of(block)};
}

std::optional<std::uint64_t> Pass::index_of(std::uint64_t block) const {
  if (order_ >= Order::drawn) return std::nullopt;
  const std::uint64_t place = order_ == Order::sequential ? block : permutation_.index_of(block);
  return reads_back_ ? read_back_.position_of_write(place) : place;
}

std::optional<std::uint64_t> Pass::index_of_change(std::uint64_t block) const {
  return order_ >= Order::drawn || op_at(block) == Op::read ? std::nullopt : index_of(block);
}

}  // namespace spliced::workload
