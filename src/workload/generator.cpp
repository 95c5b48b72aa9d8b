// SPDX-License-Identifier: Apache-2.0
#include "spliced/workload/generator.h"

#include <algorithm>
#include <limits>

#include "draw.h"
#include "spliced/util/random.h"
#include "spliced/workload/permutation.h"

namespace spliced::workload {

using util::Op;

namespace {

// How the blocks of one pass follow each other.
enum class Order : std::uint8_t { sequential, permuted, drawn };

Order order_of(const WorkloadSpec& spec) {
  if (!is_random(spec.rw)) return Order::sequential;
  const bool once = !spec.time_based && spec.distribution.kind == Distribution::Kind::uniform;
  return once ? Order::permuted : Order::drawn;
}

// The blocks first, first + step, … of one worker: `count` of them.
struct Share {
  std::uint64_t first = 0;
  std::uint64_t step = 1;
  std::uint64_t count = 0;
};

Share share_of(Order order, std::uint64_t blocks, std::uint64_t workers, std::uint64_t worker) {
  const std::uint64_t each = blocks / workers;
  const std::uint64_t extra = blocks % workers;
  const std::uint64_t count = each + (worker < extra ? 1 : 0);
  if (order == Order::sequential) return {worker * each + std::min(worker, extra), 1, count};
  return {worker, workers, count};
}

}  // namespace

class Generator::Impl {
 public:
  Impl(const WorkloadSpec& spec, const BlockRange& range, unsigned worker)
      : order_(order_of(spec)),
        endless_draw_(order_ == Order::drawn && spec.time_based),
        mixed_(is_mixed(spec.rw)),
        syncs_(spec.fsync != 0 || spec.fdatasync != 0 || spec.sync_file_range != 0),
        op_(is_trim(spec.rw) ? Op::trim
            : reads(spec.rw) ? Op::read
                             : Op::write),
        range_(range),
        share_(share_of(order_, range.count(), spec.workers, worker)),
        random_(util::mix64(spec.seed) + worker),
        draw_(spec.distribution, range.count(), spec.seed),
        permutation_(range.count(), spec.seed),
        worker_(worker),
        spec_(spec) {}

  bool next(Request& out) {
    if (pending_sync(out)) return true;
    if (!endless_draw_ && cursor_ == share_.count && !next_pass()) return false;
    const std::uint64_t block = pick(cursor_++);
    out = {direction(), range_.start_of(block), range_.length_of(block)};
    if (out.op == Op::write) track_write(out);
    return true;
  }

  bool last(Request& out) {
    if (!spec_.end_fsync || !wrote_) return false;
    wrote_ = false;
    out = {Op::fsync, 0, 0};
    return true;
  }

  [[nodiscard]] Part part() const {
    if (endless_draw_) return {1, worker_, spec_.workers};
    return {share_.count, share_of(Order::sequential, range_.count(), spec_.workers, worker_).first, range_.count()};
  }

  [[nodiscard]] std::uint64_t total_bytes() const {
    if (spec_.time_based) return 0;
    // The last block can be short. In a permuted pass any worker may come upon it: the first one answers for it, so
    // that the sum over all workers is exact. Draws may hit it any number of times.
    const bool answers_for_last =
        order_ == Order::sequential ? share_.first + share_.count == range_.count() : share_.first == 0;
    std::uint64_t bytes = share_.count * range_.block;
    if (share_.count > 0 && answers_for_last) bytes -= range_.block - range_.length_of(range_.count() - 1);
    constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
    return bytes != 0 && spec_.loops > kMax / bytes ? kMax : bytes * spec_.loops;
  }

 private:
  bool next_pass() {
    if (share_.count == 0) return false;
    if (!spec_.time_based && pass_ + 1 >= spec_.loops) return false;
    ++pass_;
    cursor_ = 0;
    if (order_ == Order::permuted) permutation_ = Permutation(range_.count(), util::mix64(spec_.seed + pass_));
    return true;
  }

  std::uint64_t pick(std::uint64_t cursor) {
    if (order_ == Order::drawn) return draw_(random_);
    const std::uint64_t index = share_.first + cursor * share_.step;
    return order_ == Order::sequential ? index : permutation_(index);
  }

  Op direction() {
    if (!mixed_) return op_;
    return random_.below(100) < spec_.rwmixread ? Op::read : Op::write;
  }

  void track_write(const Request& write) {
    wrote_ = true;
    if (!syncs_) return;
    ++writes_;
    dirty_begin_ = std::min(dirty_begin_, write.offset);
    dirty_end_ = std::max(dirty_end_, write.offset + write.length);
    due_ = Due{is_due(spec_.fsync), is_due(spec_.fdatasync), is_due(spec_.sync_file_range)};
  }
  [[nodiscard]] bool is_due(std::uint64_t every) const { return every != 0 && writes_ % every == 0; }

  bool pending_sync(Request& out) {
    if (due_.sync_file_range) {
      due_.sync_file_range = false;
      out = {Op::sync_file_range, dirty_begin_, dirty_end_ - dirty_begin_};
      dirty_begin_ = ~std::uint64_t{0};
      dirty_end_ = 0;
      return true;
    }
    if (due_.fdatasync) {
      due_.fdatasync = false;
      out = {Op::fdatasync, 0, 0};
      return true;
    }
    if (!due_.fsync) return false;
    due_.fsync = false;
    out = {Op::fsync, 0, 0};
    return true;
  }

  struct Due {
    bool fsync = false;
    bool fdatasync = false;
    bool sync_file_range = false;
  };

  // What every request looks at comes first and together.
  alignas(64) const Order order_;
  const bool endless_draw_;  // draws that go on until the runtime know no passes, and need no share of the range
  const bool mixed_;
  const bool syncs_;
  const Op op_;  // of a mode that is not mixed
  Due due_;
  bool wrote_ = false;
  std::uint64_t cursor_ = 0;
  const BlockRange range_;
  const Share share_;
  util::Random random_;
  const Draw draw_;
  Permutation permutation_;
  const unsigned worker_;
  std::uint64_t pass_ = 0;
  std::uint64_t writes_ = 0;
  std::uint64_t dirty_begin_ = ~std::uint64_t{0};
  std::uint64_t dirty_end_ = 0;
  const WorkloadSpec spec_;
};

Generator::Generator(const WorkloadSpec& spec, const BlockRange& range, unsigned worker)
    : impl_(std::make_unique<Impl>(spec, range, worker)) {}
Generator::~Generator() = default;
Generator::Generator(Generator&&) noexcept = default;
bool Generator::next(Request& out) {
  return impl_->next(out);
}
bool Generator::last(Request& out) {
  return impl_->last(out);
}
Part Generator::part() const {
  return impl_->part();
}
std::uint64_t Generator::total_bytes() const {
  return impl_->total_bytes();
}

}  // namespace spliced::workload
