#include "spliced/engine/splice_engine.h"

#include "context.h"
#include "read_path.h"
#include "write_path.h"

namespace spliced::engine {

using util::Op;

class SpliceEngine::Impl {
 public:
  Impl(const SpliceConfig& config, Syscalls& sys, util::Clock& clock, std::stop_token stop)
      : config_(config), sys_(sys), clock_(clock), retry_(sys, counters_, std::move(stop)) {}

  void run(std::span<Transfer> transfers) {
    Transfer* previous = nullptr;
    for (Transfer& transfer : transfers) {
      reader_.release(previous);
      previous = &transfer;
      transfer.moved = 0;
      transfer.error = 0;
      transfer.data = nullptr;
      run_one(transfer);
      transfer.ended = clock_.now();
    }
  }
  [[nodiscard]] const EngineCounters& counters() const { return counters_; }

 private:
  void run_one(Transfer& transfer) {
    if (!moves_data(transfer.op)) return run_plain(transfer);
    if (const int error = pipe_.ensure_open(); error != 0) {
      transfer.outcome = Outcome::failed;
      transfer.error = error;
      return;
    }
    transfer.op == Op::read ? reader_.run(transfer) : writer_.run(transfer);
  }

  // The operations that need no pipe.
  void run_plain(Transfer& transfer) {
    const CallResult result = retry_([&] { return call_plain(transfer); });
    transfer.outcome = result.ok() ? Outcome::done : result.stopped ? Outcome::stopped : Outcome::failed;
    transfer.error = result.ok() || result.stopped ? 0 : result.error;
    if (result.ok() && transfer.op == Op::trim) transfer.moved = transfer.length;
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
  util::Clock& clock_;
  EngineCounters counters_;
  Retry retry_;
  Pipe pipe_{sys_, config_.pipe_size, counters_};
  Context context_{config_, sys_, counters_, pipe_, retry_};
  ReadPaths reader_{context_};
  WritePath writer_{context_};
};

SpliceEngine::SpliceEngine(const SpliceConfig& config, Syscalls& sys, util::Clock& clock, std::stop_token stop)
    : impl_(std::make_unique<Impl>(config, sys, clock, std::move(stop))) {}
SpliceEngine::~SpliceEngine() = default;
void SpliceEngine::run(std::span<Transfer> transfers) {
  impl_->run(transfers);
}
const EngineCounters& SpliceEngine::counters() const {
  return impl_->counters();
}

}  // namespace spliced::engine
