// SPDX-License-Identifier: Apache-2.0
#include "splice_engine.h"

#include <algorithm>

#include "context.h"
#include "engine/plain.h"
#include "engine/queue.h"
#include "events.h"
#include "read_path.h"
#include "write_path.h"

namespace spliced::engine {

using util::Op;

class SpliceEngine::Impl {
 public:
  Impl(const SpliceConfig& config, Syscalls& sys, util::Clock& clock, std::stop_token stop)
      : config_(config), sys_(sys), watch_(clock, counters_.flight), retry_(sys, counters_.retries, std::move(stop)) {}

  [[nodiscard]] Traits traits() const {
    const bool keeps = config_.read_path != ReadPath::discard && config_.read_window == kWholeBlocks;
    return {kMaxBatch, util::kPageSize, keeps};
  }

  std::size_t reap(std::span<IoSlot*> ended, std::size_t min, util::Nanos until) {
    if (min == 0 || queue.size() == 0) return 0;
    watch_.start(until);
    IoSlot* previous = nullptr;
    std::size_t count = 0;
    while (count < ended.size() && queue.size() > 0) {
      reader_.release(previous);
      const auto group = queue.front(group_size(queue.front(ended.size() - count)));
      for (IoSlot* slot : group) {
        slot->moved = 0;
        slot->error = 0;
        slot->spent = 0;
        slot->data = nullptr;
      }
      const std::size_t done = run_group(group);
      std::copy_n(group.begin(), done, ended.begin() + static_cast<std::ptrdiff_t>(count));
      const bool all = done == group.size();
      queue.pop(done);
      count += done;
      if (!all || ended[count - 1]->outcome != Outcome::done) break;
      previous = ended[count - 1];
    }
    watch_.stop();
    return count;
  }

  void release() {
    reader_.release();
    reader_.close_sink();
    read_pipe_.close();
    write_pipe_.close();
  }

  void use(Direction direction, const Setting& setting) {
    config_.settings[index_of(direction)] = setting;
    (direction == Direction::read ? read_pipe_ : write_pipe_).want(setting.size);
  }
  [[nodiscard]] const SpliceCounters& counters() const { return counters_; }

  SlotQueue<kMaxBatch> queue;

 private:
  static constexpr std::size_t kWholeBlocks = std::numeric_limits<std::size_t>::max();

  // How many slots from the first on may go together.
  [[nodiscard]] std::size_t group_size(std::span<IoSlot* const> slots) const {
    const Op op = slots.front()->op;
    if (!moves_data(op)) return 1;
    // A mapping holds the data of one.
    if (op == Op::read && counters_.read_path.load(std::memory_order_relaxed) == ReadPath::map) return 1;
    const Direction direction = op == Op::read ? Direction::read : Direction::write;
    const std::size_t limit = std::min({config_.settings[index_of(direction)].batch, kMaxBatch, slots.size()});
    std::size_t size = 1;
    while (size < limit && slots[size]->op == op) ++size;
    return size;
  }

  std::size_t run_group(std::span<IoSlot* const> group) {
    const Op op = group.front()->op;
    if (op == Op::read) return reader_.run(group);
    if (op == Op::write) return writer_.run(group);
    return run_plain({sys_, retry_, watch_}, config_.fd, config_.block_device, *group.front()) ? 1 : 0;
  }

  SpliceConfig config_;
  Syscalls& sys_;
  SpliceCounters counters_;
  Stopwatch watch_;
  Retry retry_;
  Pipe read_pipe_{sys_, config_.settings[0].size, counters_, Direction::read};
  Pipe write_pipe_{sys_, config_.settings[1].size, counters_, Direction::write};
  ReadPaths reader_{Context{config_, sys_, counters_, read_pipe_, retry_, watch_}};
  WritePath writer_{Context{config_, sys_, counters_, write_pipe_, retry_, watch_}};
};

SpliceEngine::SpliceEngine(const SpliceConfig& config, Syscalls& sys, util::Clock& clock, std::stop_token stop)
    : impl_(std::make_unique<Impl>(config, sys, clock, std::move(stop))) {}
SpliceEngine::~SpliceEngine() = default;
Traits SpliceEngine::traits() const {
  return impl_->traits();
}
std::size_t SpliceEngine::submit(std::span<IoSlot* const> slots) {
  return impl_->queue.push(slots);
}
std::size_t SpliceEngine::reap(std::span<IoSlot*> ended, std::size_t min, util::Nanos until) {
  return impl_->reap(ended, min, until);
}
std::size_t SpliceEngine::withdraw(std::span<IoSlot*> slots) {
  return impl_->queue.withdraw(slots);
}
void SpliceEngine::use(Direction direction, const Setting& setting) {
  impl_->use(direction, setting);
}
void SpliceEngine::release() {
  impl_->release();
}
void SpliceEngine::add_events(std::span<std::uint64_t> sums) const {
  engine::add_events(counters(), sums);
}
void SpliceEngine::read(std::span<std::uint64_t> values) const {
  read_state(counters(), values);
}
const SpliceCounters& SpliceEngine::counters() const {
  return impl_->counters();
}

}  // namespace spliced::engine
