// SPDX-License-Identifier: Apache-2.0
// Faults of every kind in every position, drawn from a seed. Whatever happens, no byte may be anywhere but where the
// outcome of its transfer says that it is.
#include <cerrno>
#include <optional>
#include <string>

#include "rig.h"

namespace spliced::engine::test {
namespace {

constexpr std::size_t kTargetBytes = 192 * 1024 + 1536;
constexpr std::size_t kMaxBytes = 80 * 1024;
constexpr std::size_t kGuard = 4096;
constexpr std::size_t kRuns = 40;
constexpr std::size_t kTransfers = 6;

struct Temper {
  unsigned per_mille = 0;   // of the calls go wrong
  bool downgrades = false;  // errors that end a path for good may occur
  bool stops = false;       // the job may be stopped in the middle
};

template <std::size_t N>
int pick(util::Random& random, const std::array<int, N>& errors) {
  return errors[static_cast<std::size_t>(random.below(N))];
}

// What goes wrong with a call of this kind.
class Chaos {
 public:
  Chaos(util::Random& random, const Temper& temper, std::stop_source& stop)
      : random_(random), temper_(temper), stop_(stop) {}

  Fault operator()(Call call) {
    if (call == Call::close || call == Call::unmap || call == Call::get_pipe_size) return {};
    if (random_.below(1000) >= temper_.per_mille) return {};
    ++events;
    if (temper_.stops && random_.below(40) == 0) stop_.request_stop();
    switch (random_.below(4)) {
      case 0: return {EINTR};
      case 1: return {pick(random_, std::array{EAGAIN, ENODATA})};
      case 2: return moves_bytes(call) ? Fault{0, random_.below(20) == 0 ? 0 : 1 + random_.below(9000)} : Fault{};
      default: return {error_of(call)};
    }
  }
  std::uint64_t events = 0;

 private:
  static bool moves_bytes(Call call) { return call < Call::write; }

  int error_of(Call call) {
    switch (call) {
      case Call::pipe: return pick(random_, std::array{EMFILE, ENFILE});
      case Call::set_pipe_size: return pick(random_, std::array{EPERM, ENOMEM});
      case Call::map: return ENOMEM;
      case Call::memory_to_pipe:
      case Call::pipe_to_memory:
        if (temper_.downgrades) return pick(random_, kFallbackErrors);
        return pick(random_, std::array{EIO, ENOMEM});
      default: return pick(random_, std::array{EIO, ENOSPC, EINVAL, EPERM, EOPNOTSUPP, EREMOTEIO});
    }
  }

  util::Random& random_;
  const Temper& temper_;
  std::stop_source& stop_;
};

// One engine, a model of what the target must hold, and the bookkeeping of what happened.
class Storm {
 public:
  Storm(std::uint64_t seed, const Temper& temper)
      : random_(seed), temper_(temper), chaos_(random_, temper_, stop_), model_(sys_.target) {
    sys_.map_works = random_.below(2) == 0;
    sys_.end_error = random_.below(2) == 0 ? ENOSPC : 0;
    sys_.default_slots = random_.below(4) == 0 ? 1 : 16;
    sys_.max_pipe_bytes = std::size_t{4096} << random_.below(9);
    sys_.chaos = [this](Call call) { return chaos_(call); };
    clock_.step = random_.below(2) == 0 ? 1 : util::kSecond;
    config_.fd = kTargetFd;
    config_.read_path = static_cast<ReadPath>(random_.below(4));
    config_.pinned = random_.below(4) == 0;
    if (random_.below(2) == 0) config_.read_window = 512 * (1 + random_.below(64));
    for (Setting& setting : config_.settings) setting = draw_setting();
    engine_ = std::make_unique<SpliceEngine>(config_, sys_, clock_, stop_.get_token());
    for (std::size_t i = 0; i < kTransfers; ++i) buffers_.push_back(make_buffer(kMaxBytes + 2 * kGuard));
  }

  void blow() {
    for (std::size_t round = 0; round < kRuns && !::testing::Test::HasFailure(); ++round) {
      std::vector<IoSlot> transfers = draw();
      if (random_.below(4) == 0) engine_->use(static_cast<Direction>(random_.below(2)), draw_setting());
      run_and_check(transfers);
      check_memory(transfers);
      EXPECT_TRUE(same(model_.data(), sys_.target.data(), model_.size())) << "bytes are where no transfer put them";
      EXPECT_LE(sys_.open_pipes(), kDirections);
      EXPECT_EQ(sys_.half_open_pipes(), 0U);
      EXPECT_LE(sys_.open_mappings(), 1U);
    }
    check_counters();
    engine_.reset();
    EXPECT_EQ(sys_.open_pipes(), 0U);
    EXPECT_EQ(sys_.open_mappings(), 0U);
  }

  std::array<std::uint64_t, 7> outcomes{};
  std::uint64_t lates = 0;    // that were stopped by the time alone
  std::uint64_t windows = 0;  // reads that went through a window more than once
  [[nodiscard]] std::uint64_t events() const { return chaos_.events; }

 private:
  // Bit by bit, as run() returns: what a read found may be in a mapping that is gone with the next one.
  void run_and_check(std::span<IoSlot> transfers) {
    while (!transfers.empty() && !::testing::Test::HasFailure()) {
      const util::Nanos until =
          random_.below(4) == 0 ? clock_.now() + static_cast<util::Nanos>(random_.below(40)) * clock_.step : 0;
      const std::size_t ended = run_some(*engine_, transfers, until);
      ASSERT_GT(ended, 0U);
      ASSERT_LE(ended, transfers.size());
      EXPECT_EQ(sys_.bytes_in_pipes(), 0U) << "a run left bytes in a pipe";
      for (std::size_t i = 0; i + 1 < ended; ++i) EXPECT_EQ(transfers[i].outcome, Outcome::done);
      const IoSlot& last = transfers[ended - 1];
      const bool late = until != 0 && last.outcome == Outcome::stopped && !stop_.stop_requested();
      for (const IoSlot& transfer : transfers.first(late ? ended - 1 : ended)) check(transfer);
      if (late) {
        EXPECT_EQ(last.moved, 0U);
        EXPECT_EQ(last.data, nullptr);
        ++lates;
        ++unclean_;
      }
      transfers = transfers.subspan(late ? ended - 1 : ended);
    }
  }

  Setting draw_setting() {
    return {std::size_t{4096} << random_.below(8), random_.below(3) == 0 ? 1 : 1 + random_.below(kMaxBatch)};
  }

  std::vector<IoSlot> draw() { return random_.below(3) == 0 ? draw_row() : draw_any(); }

  // As a worker asks for them: equal blocks that go the same way, one after the other in memory.
  std::vector<IoSlot> draw_row() {
    std::vector<IoSlot> transfers;
    const std::size_t length = std::size_t{512} << random_.below(6);
    const std::size_t count = 1 + random_.below(std::min(kMaxBatch, kMaxBytes / length));
    const Op op = random_.below(2) == 0 ? Op::read : Op::write;
    fill({buffers_[0].data(), buffers_[0].size()}, random_());
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t offset = 512 * random_.below(kTargetBytes / 512);
      transfers.push_back(make_transfer(op, offset, length, buffers_[0].data() + kGuard + i * length));
    }
    remember();
    return transfers;
  }

  std::vector<IoSlot> draw_any() {
    std::vector<IoSlot> transfers;
    const std::size_t count = 1 + random_.below(kTransfers);
    for (std::size_t i = 0; i < count; ++i) {
      std::byte* start = buffers_[i].data() + kGuard;
      fill({buffers_[i].data(), buffers_[i].size()}, random_());
      const std::size_t length = 512 * (1 + random_.below(random_.below(2) == 0 ? 16 : kMaxBytes / 512));
      const Op op = random_.below(2) == 0 ? Op::read : Op::write;
      transfers.push_back(make_transfer(op, 512 * random_.below(kTargetBytes / 512), length, start));
    }
    remember();
    return transfers;
  }

  void remember() {
    images_.clear();
    for (const auto& buffer : buffers_) images_.emplace_back(buffer.data(), buffer.data() + buffer.size());
  }

  void check(const IoSlot& transfer) {
    ++outcomes[static_cast<std::size_t>(transfer.outcome)];
    ASSERT_LE(transfer.moved, transfer.length);
    EXPECT_EQ(transfer.moved == transfer.length, transfer.outcome == Outcome::done || finished_late(transfer));
    const bool has_error = transfer.outcome == Outcome::failed || transfer.outcome == Outcome::host_failed ||
                           transfer.outcome == Outcome::unsupported || transfer.outcome == Outcome::path_refused;
    EXPECT_EQ(transfer.error != 0, has_error);
    EXPECT_TRUE(transfer.outcome != Outcome::path_refused || config_.pinned);
    EXPECT_TRUE(transfer.outcome != Outcome::stopped || stop_.stop_requested());
    transfer.op == Op::read ? check_read(transfer) : check_write(transfer);
    const bool is_clean =
        transfer.outcome == Outcome::done || (transfer.op == Op::read && transfer.outcome == Outcome::end_of_target);
    unclean_ += is_clean ? 0 : 1;
  }

  // Nothing but the buffers of the reads has changed.
  void check_memory(const std::vector<IoSlot>& transfers) {
    for (const IoSlot& transfer : transfers) {
      if (transfer.op != Op::read) continue;
      for (std::size_t i = 0; i < buffers_.size(); ++i) {
        const auto at = static_cast<std::size_t>(transfer.buffer - buffers_[i].data());
        if (transfer.buffer < buffers_[i].data() || at >= buffers_[i].size()) continue;
        std::memcpy(images_[i].data() + at, transfer.buffer, std::min(transfer.length, config_.read_window));
      }
    }
    for (std::size_t i = 0; i < images_.size(); ++i) {
      EXPECT_TRUE(same(images_[i].data(), buffers_[i].data(), images_[i].size()))
          << "a transfer wrote outside its buffer";
    }
  }

  // A read whose last bytes left the target but did not reach memory.
  static bool finished_late(const IoSlot& transfer) {
    return transfer.op == Op::read && transfer.moved == transfer.length && transfer.outcome != Outcome::end_of_target;
  }

  void check_read(const IoSlot& transfer) {
    if (transfer.outcome != Outcome::done && transfer.outcome != Outcome::end_of_target) {
      EXPECT_EQ(transfer.data, nullptr);
      return;
    }
    if (config_.read_path == ReadPath::discard || (transfer.length > config_.read_window && transfer.data == nullptr)) {
      EXPECT_EQ(transfer.data, nullptr);
      check_window(transfer);
    } else if (transfer.moved > 0) {
      ASSERT_NE(transfer.data, nullptr);
      EXPECT_TRUE(same(transfer.data, model_.data() + transfer.offset, transfer.moved));
    }
  }

  // What is longer than the window leaves its last bytes there, each at its position. A mapping may have had some of
  // them.
  void check_window(const IoSlot& transfer) {
    if (config_.read_path == ReadPath::discard || config_.read_path == ReadPath::map) return;
    const std::size_t window = config_.read_window;
    const std::size_t first = transfer.moved - std::min(transfer.moved, window);
    for (std::size_t position = first; position < transfer.moved; ++position) {
      ASSERT_EQ(transfer.buffer[position % window], model_[transfer.offset + position]) << "position " << position;
    }
    windows += transfer.moved > window ? 1 : 0;
  }

  void check_write(const IoSlot& transfer) {
    if (transfer.moved > 0) std::memcpy(model_.data() + transfer.offset, transfer.buffer, transfer.moved);
  }

  void check_counters() {
    const SpliceCounters& counters = engine_->counters();
    EXPECT_EQ(counters.pipe_resets.get(), sys_.pipes_thrown_away());
    EXPECT_LE(counters.pipe_resets.get(), unclean_);
    for (const auto& row : counters.fallbacks) {
      std::uint64_t sum = 0;
      for (const auto& tally : row) sum += tally.get();
      EXPECT_LE(sum, 1U) << "a downgrade is permanent";
    }
    EXPECT_EQ(short_transfers(counters, util::OpClass::read) + short_transfers(counters, util::OpClass::write),
              short_splices());
  }

  // A splice that returns 0 is an end, not a short transfer.
  [[nodiscard]] std::uint64_t short_splices() const {
    return static_cast<std::uint64_t>(
        std::count_if(sys_.records().begin(), sys_.records().end(), [](const Record& call) {
          const bool moves = call.call == Call::target_to_pipe || call.call == Call::pipe_to_target;
          return moves && call.result > 0 && static_cast<std::uint64_t>(call.result) < call.length;
        }));
  }

  util::Random random_;
  Temper temper_;
  std::stop_source stop_;
  FakeKernel sys_{kTargetBytes};
  CountingClock clock_;
  Chaos chaos_;
  std::vector<std::byte> model_;
  SpliceConfig config_;
  std::vector<PageBuffer> buffers_;
  std::vector<std::vector<std::byte>> images_;
  std::unique_ptr<SpliceEngine> engine_;
  std::uint64_t unclean_ = 0;
};

class UnderFaults : public ::testing::TestWithParam<Temper> {};

std::string name_of(const ::testing::TestParamInfo<Temper>& temper) {
  return std::to_string(temper.param.per_mille) + "PerMille" + (temper.param.downgrades ? "Downgrades" : "") +
         (temper.param.stops ? "Stops" : "");
}

INSTANTIATE_TEST_SUITE_P(Tempers, UnderFaults,
                         ::testing::Values(Temper{0, false, false}, Temper{10, false, false}, Temper{50, true, false},
                                           Temper{100, false, false}, Temper{100, true, true}, Temper{300, true, true}),
                         name_of);

TEST_P(UnderFaults, EveryByteIsWhereItsTransferSaysAndNowhereElse) {
  std::array<std::uint64_t, 7> outcomes{};
  std::uint64_t events = 0;
  std::uint64_t lates = 0;
  std::uint64_t windows = 0;
  for (std::uint64_t seed = 1; seed <= 40 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Storm storm(seed * 1000 + GetParam().per_mille, GetParam());
    storm.blow();
    events += storm.events();
    lates += storm.lates;
    windows += storm.windows;
    for (std::size_t i = 0; i < outcomes.size(); ++i) outcomes[i] += storm.outcomes[i];
  }
  EXPECT_GT(outcomes[static_cast<std::size_t>(Outcome::done)], 50U);
  EXPECT_GT(outcomes[static_cast<std::size_t>(Outcome::end_of_target)], 0U);
  EXPECT_EQ(outcomes[static_cast<std::size_t>(Outcome::stopped)] > 0, GetParam().stops);
  EXPECT_GT(lates, 0U);
  EXPECT_GT(windows, 0U);
  if (GetParam().per_mille == 0) {
    EXPECT_EQ(events, 0U);
  } else {
    EXPECT_GT(events, 100U);
    EXPECT_GT(outcomes[static_cast<std::size_t>(Outcome::failed)], 0U);
  }
}

}  // namespace
}  // namespace spliced::engine::test
