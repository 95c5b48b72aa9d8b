// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <optional>

#include "spliced/workload/block_range.h"
#include "spliced/workload/permutation.h"
#include "spliced/workload/read_back.h"
#include "spliced/workload/request.h"
#include "spliced/workload/spec.h"

namespace spliced::workload {

class Draw;

// How many requests one round through a range has.
[[nodiscard]] std::uint64_t requests_in(const WorkloadSpec& spec, const BlockRange& range);

// One round through a range: place and operation of each of its blocks are pure functions of (seed, number of the
// round, index). Nothing is drawn from a stream, so that anything can be asked again later, by anybody.
//
// Sequential modes go from the first block to the last. Random ones with the uniform distribution visit each block
// once, in the order of a permutation that is another one in each round. With any other distribution as many blocks are
// drawn as there are, each on its own. Of a mixed mode, a block is read or written by its own hash in each round; where
// blocks are drawn, by that of the index, for a block that comes often would else be read only, or written only.
//
// Where reads and writes of a random mode have blocks of different sizes, each is drawn on its own, too, and lies at a
// multiple of its own size; there are so many of them that about as much is moved as the range has.
//
// Of a mode that writes and reads what it wrote, each block comes twice; see ReadBack.
//
// A value; thread-safe. Copying allocates nothing.
class Pass {
 public:
  Pass(const WorkloadSpec& spec, const BlockRange& range, std::uint64_t number = 0);
  // Another round of the same.
  [[nodiscard]] Pass round(std::uint64_t number) const;

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] bool sequential() const { return order_ == Order::sequential; }
  // The request at an index below count(), without a position; what it needs is an index, too.
  [[nodiscard]] Request at(std::uint64_t index) const;
  // Where a block comes, the first time; none where blocks are drawn.
  [[nodiscard]] std::optional<std::uint64_t> index_of(std::uint64_t block) const;
  // Where a block is written or trimmed; none where it is not, or blocks are drawn.
  [[nodiscard]] std::optional<std::uint64_t> index_of_change(std::uint64_t block) const;
  // Whether index_of_change() knows; if not, anything may be anywhere.
  [[nodiscard]] bool is_known() const { return order_ < Order::drawn; }
  [[nodiscard]] bool changes() const { return mixed_ ? read_percent_ < 100 : op_ != util::Op::read; }
  [[nodiscard]] bool reads_back() const { return reads_back_; }
  [[nodiscard]] const BlockRange& range() const { return range_; }

 private:
  enum class Order : std::uint8_t { sequential, permuted, drawn, of_sizes };
  [[nodiscard]] static Order order_of(const WorkloadSpec& spec);
  [[nodiscard]] std::uint64_t block_at(std::uint64_t index) const;
  [[nodiscard]] util::Op op_at(std::uint64_t number) const;
  [[nodiscard]] Request sized_at(std::uint64_t index) const;
  [[nodiscard]] Request read_back_at(std::uint64_t index) const;
  void begin(std::uint64_t number);

  Order order_;
  bool mixed_;
  util::Op op_;  // of a mode that is not mixed
  unsigned read_percent_;
  PerOp sizes_;
  BlockRange range_;
  std::uint64_t count_;
  bool reads_back_;
  ReadBack read_back_;
  std::uint64_t seed_;
  std::uint64_t key_ = 0;  // of this round
  Permutation permutation_;
  std::shared_ptr<const Draw> draw_;
};

}  // namespace spliced::workload
