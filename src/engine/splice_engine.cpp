// SPDX-License-Identifier: Apache-2.0
#include "spliced/engine/splice_engine.h"

#include <algorithm>

#include "context.h"
#include "read_path.h"
#include "write_path.h"

namespace spliced::engine {

using util::Op;

class SpliceEngine::Impl {
 public:
  Impl(const SpliceConfig& config, Syscalls& sys, util::Clock& clock, std::stop_token stop)
      : config_(config), sys_(sys), watch_(clock, counters_), retry_(sys, counters_, std::move(stop)) {}

  std::size_t run(std::span<Transfer> transfers, util::Nanos until) {
    watch_.start(until);
    Transfer* previous = nullptr;
    std::size_t ended = 0;
    while (ended < transfers.size()) {
      reader_.release(previous);
      const std::span<Transfer> group = transfers.subspan(ended, group_size(transfers.subspan(ended)));
      for (Transfer& transfer : group) {
        transfer.moved = 0;
        transfer.error = 0;
        transfer.spent = 0;
        transfer.data = nullptr;
      }
      ended += run_group(group);
      previous = &transfers[ended - 1];
      if (previous->outcome != Outcome::done) break;
    }
    watch_.stop();
    return ended;
  }

  void release() {
    reader_.release();
    reader_.close_sink();
    read_pipe_.close();
    write_pipe_.close();
  }

  void tune(Direction direction, const PipeSetting& setting) {
    config_.settings[index_of(direction)] = setting;
    (direction == Direction::read ? read_pipe_ : write_pipe_).want(setting.pipe_size);
  }
  [[nodiscard]] const EngineCounters& counters() const { return counters_; }

 private:
  // How many transfers from the first on may go together.
  [[nodiscard]] std::size_t group_size(std::span<Transfer> transfers) const {
    const Op op = transfers.front().op;
    if (!moves_data(op)) return 1;
    // A mapping holds the data of one transfer.
    if (op == Op::read && counters_.read_path.load(std::memory_order_relaxed) == ReadPath::map) return 1;
    const Direction direction = op == Op::read ? Direction::read : Direction::write;
    const std::size_t limit = std::min({config_.settings[index_of(direction)].batch, kMaxBatch, transfers.size()});
    std::size_t size = 1;
    while (size < limit && transfers[size].op == op) ++size;
    return size;
  }

  std::size_t run_group(std::span<Transfer> group) {
    const Op op = group.front().op;
    if (op == Op::read) return reader_.run(group);
    if (op == Op::write) return writer_.run(group);
    run_plain(group.front());
    return 1;
  }

  // The operations that need no pipe.
  void run_plain(Transfer& transfer) {
    const bool to_end = retry_.stopping() || watch_.over();
    const CallResult result = to_end ? kNotBegun : retry_([&] { return call_plain(transfer); });
    transfer.outcome = result.ok() ? Outcome::done : result.stopped ? Outcome::stopped : outcome_of(result.error);
    transfer.error = result.ok() || result.stopped ? 0 : result.error;
    if (result.ok() && transfer.op == Op::trim) transfer.moved = transfer.length;
    transfer.spent = watch_.lap();
    transfer.ended = watch_.last();
  }

  int call_plain(const Transfer& transfer) {
    switch (transfer.op) {
      case Op::trim:
        return config_.block_device ? sys_.discard(config_.fd, transfer.offset, transfer.length)
                                    : sys_.punch_hole(config_.fd, transfer.offset, transfer.length);
      case Op::fdatasync: return sys_.fdatasync(config_.fd);
      case Op::sync_file_range: return sys_.sync_file_range(config_.fd, transfer.offset, transfer.length);
      default: return sys_.fsync(config_.fd);
    }
  }

  SpliceConfig config_;
  Syscalls& sys_;
  EngineCounters counters_;
  Stopwatch watch_;
  Retry retry_;
  Pipe read_pipe_{sys_, config_.settings[0].pipe_size, counters_, Direction::read};
  Pipe write_pipe_{sys_, config_.settings[1].pipe_size, counters_, Direction::write};
  ReadPaths reader_{Context{config_, sys_, counters_, read_pipe_, retry_, watch_}};
  WritePath writer_{Context{config_, sys_, counters_, write_pipe_, retry_, watch_}};
};

SpliceEngine::SpliceEngine(const SpliceConfig& config, Syscalls& sys, util::Clock& clock, std::stop_token stop)
    : impl_(std::make_unique<Impl>(config, sys, clock, std::move(stop))) {}
SpliceEngine::~SpliceEngine() = default;
std::size_t SpliceEngine::run(std::span<Transfer> transfers, util::Nanos until) {
  return impl_->run(transfers, until);
}
void SpliceEngine::release() {
  impl_->release();
}
void SpliceEngine::tune(Direction direction, const PipeSetting& setting) {
  impl_->tune(direction, setting);
}
const EngineCounters& SpliceEngine::counters() const {
  return impl_->counters();
}

}  // namespace spliced::engine
