// SPDX-License-Identifier: Apache-2.0
#include "run/verifier.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstring>

#include "unit/job/service_fixture.h"

namespace spliced::run {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::size_t kBlock = 8192;
constexpr std::uint64_t kOffset = 16'384;

using Laid = std::optional<Bytes>;

// Delivers what is laid down for it, once for each read; nothing, where that is empty; and fails without.
class LaidDown final : public engine::Engine {
 public:
  explicit LaidDown(Laid data) : data_(std::move(data)) {}
  [[nodiscard]] engine::Traits traits() const override { return {}; }
  [[nodiscard]] std::size_t submit(std::span<engine::IoSlot* const> slots) override {
    slot_ = slots.front();
    return 1;
  }
  [[nodiscard]] std::size_t reap(std::span<engine::IoSlot*> ended, std::size_t, util::Nanos) override {
    ended[0] = slot_;
    slot_->outcome = data_ ? engine::Outcome::done : engine::Outcome::failed;
    slot_->error = data_ ? 0 : EIO;
    if (!data_) return 1;
    if (!data_->empty()) std::memcpy(slot_->buffer, data_->data() + (slot_->offset - kOffset), slot_->length);
    slot_->data = slot_->buffer;
    slot_->moved = slot_->length;
    return 1;
  }
  [[nodiscard]] std::size_t withdraw(std::span<engine::IoSlot*>) override { return 0; }
  void use(engine::Direction, const engine::Setting&) override {}
  void release() override {}
  [[nodiscard]] engine::InFlight in_flight() const override { return {}; }
  void add_events(std::span<std::uint64_t>) const override {}
  void read(std::span<std::uint64_t>) const override {}

 private:
  const Laid data_;
  engine::IoSlot* slot_ = nullptr;
};

struct VerifierTest : testing::ServiceFixture, DamageOwner {
  VerifierTest() {
    series->end({2, 2, {}, {}});
    history.add(series);
    right.resize(kBlock);
    image->fill(right, kOffset, 1);
    wrong = right;
    wrong[5000] ^= std::byte{4};
  }
  ~VerifierTest() override { ::close(fd); }

  void on_damage(const Miscompare& one, bool first) override {
    damages.push_back(one);
    firsts += first ? 1 : 0;
  }
  void on_host_fault(HostFault fault, const std::string&) override { faults.push_back(fault); }

  // What the job's engine finds when it reads again, then psync, then the job's engine once more, and what is in the
  // file.
  void lay_down_each(Laid first, Laid by_psync, Laid later, const Bytes& in_file) {
    engines = [tries = std::array{std::move(first), std::move(by_psync), std::move(later)}, next = std::size_t{0}](
                  const engine::EngineConfig&, util::Clock&, const std::stop_token&) mutable {
      return std::make_unique<LaidDown>(tries.at(next++));
    };
    ASSERT_EQ(::pwrite(fd, in_file.data(), in_file.size(), kOffset), static_cast<ssize_t>(in_file.size()));
  }
  void lay_down(const Laid& by_splice, const Laid& by_psync, const Bytes& in_file) {
    lay_down_each(by_splice, by_psync, by_splice, in_file);
  }
  engine::IoSlot slot_of(Bytes& data, util::Op op = util::Op::read) const {
    engine::IoSlot slot;
    slot.op = op;
    slot.outcome = engine::Outcome::done;
    slot.offset = kOffset;
    slot.length = slot.moved = data.size();
    slot.buffer = data.data();
    slot.data = data.data();
    return slot;
  }
  Verifier verifier() {
    environment.emplace(Environment{clock, log, engines, tuning, pauses, [](int) { return 0; }});
    return Verifier(
        {expectation, image, 1, 0, false, true, damage_log, *this, {*environment, options, fd, false, 512, since}});
  }
  Miscompare found(Bytes data) {
    Verifier checks = verifier();
    checks.check_read(slot_of(data));
    EXPECT_EQ(damages.size(), 1U);
    return damages.empty() ? Miscompare{} : damages.front();
  }

  const std::shared_ptr<const verify::Image> image = std::make_shared<const verify::Image>(
      verify::Payload{verify::PayloadKind::random, "", 0, 4096, true}, verify::Origin{});
  workload::WorkloadSpec workload = [] {
    workload::WorkloadSpec out;
    out.rw = workload::Mode::write;
    out.bs = kBlock;
    return out;
  }();
  const std::shared_ptr<WrittenSeries> series =
      std::make_shared<WrittenSeries>(image, workload::Pass(workload, {kOffset, 2 * kBlock, kBlock}), 1);
  WriteHistory history;
  OwnData expectation{history, nullptr};
  Bytes right, wrong;
  std::string path = dir.file("target", 65'536);
  int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  EngineFactory engines;
  TuningMemory tuning;
  PauseWatch pauses{clock.now(), testing::kForever};
  engine::Options options = engine::SpliceOptions{};
  std::optional<Environment> environment;
  std::atomic<util::Nanos> since{0};
  DamageBudget damage_budget;
  DamageLog damage_log{damage_budget};
  std::vector<Miscompare> damages;
  std::vector<HostFault> faults;
  int firsts = 0;
};

TEST_F(VerifierTest, RightDataIsCounted) {
  Verifier checks = verifier();
  checks.check_read(slot_of(right));
  VerifyTotals totals;
  checks.counters().add_to(totals);
  EXPECT_EQ(totals.bytes, kBlock);
  EXPECT_EQ(totals.blocks, 1U);
  EXPECT_EQ(totals.mismatch_count(), 0U);
}

TEST_F(VerifierTest, WhatIsWrongEverywhereIsWrongOnTheMedium) {
  lay_down(wrong, wrong, wrong);
  const Miscompare one = found(wrong);
  EXPECT_EQ(one.finding, Finding::medium);
  EXPECT_EQ(one.damage.kind, verify::Kind::bitflip);
  EXPECT_EQ(one.damage.offset, kOffset + 4096);
  EXPECT_EQ(one.first, 5000U - 4096);
  EXPECT_EQ(one.last, 5000U - 4096);
  EXPECT_EQ(one.bits, 1U);
  EXPECT_EQ(one.rereads.size(), 4U);
  EXPECT_EQ(firsts, 1);
}

TEST_F(VerifierTest, WhatIsRightWhenItIsReadAgainWasLostOnTheWay) {
  lay_down(right, right, right);
  EXPECT_EQ(found(wrong).finding, Finding::read_path);
  EXPECT_TRUE(faults.empty());
}

TEST_F(VerifierTest, WhatOnlyTheEngineReadsWrongIsTheHosts) {
  lay_down(wrong, right, right);
  EXPECT_EQ(found(wrong).finding, Finding::engine);
  EXPECT_EQ(faults, std::vector{HostFault::engine});
}

TEST_F(VerifierTest, WhatDeliversNothingIsToldAsSuch) {
  lay_down(Bytes{}, Bytes{}, wrong);
  const Miscompare one = found(wrong);
  EXPECT_EQ(one.finding, Finding::nothing);
  EXPECT_EQ(one.rereads.at(1).result, "nothing");
}

TEST_F(VerifierTest, WhatDiffersEachTimeIsUnstable) {
  Bytes other = right;
  other[6000] ^= std::byte{1};
  lay_down(wrong, other, right);
  EXPECT_EQ(found(wrong).finding, Finding::unstable);
}

TEST_F(VerifierTest, AnEngineThatCannotReadAgainIsNotToldToBeWrong) {
  lay_down(std::nullopt, right, right);
  EXPECT_EQ(found(wrong).finding, Finding::read_path) << "what the others read is right";
  damages.clear();
  lay_down_each(wrong, right, std::nullopt, right);
  EXPECT_EQ(found(wrong).finding, Finding::unstable);
  damages.clear();
  lay_down_each(std::nullopt, right, wrong, right);
  EXPECT_EQ(found(wrong).finding, Finding::unstable);
  EXPECT_TRUE(faults.empty());
}

TEST_F(VerifierTest, AnEngineThatReadsRightOnceIsNotToldToBeWrong) {
  lay_down_each(wrong, right, right, right);
  EXPECT_EQ(found(wrong).finding, Finding::unstable);
  EXPECT_TRUE(faults.empty());
}

TEST_F(VerifierTest, PsyncIsNoWitnessAgainstItself) {
  options = engine::PsyncOptions{};
  lay_down_each(wrong, right, wrong, right);
  EXPECT_EQ(found(wrong).finding, Finding::unstable);
  EXPECT_TRUE(faults.empty());
}

TEST_F(VerifierTest, WhatCannotBeReadAgainIsUntried) {
  lay_down(std::nullopt, std::nullopt, right);
  ::close(std::exchange(fd, -1));
  EXPECT_EQ(found(wrong).finding, Finding::untried);
}

TEST_F(VerifierTest, WhatIsNotDeliveredIsCountedAndNotJudged) {
  Verifier checks = verifier();
  engine::IoSlot slot = slot_of(right);
  slot.data = nullptr;
  checks.check_read(slot);
  slot = slot_of(right);
  slot.outcome = engine::Outcome::failed;
  checks.check_read(slot);
  VerifyTotals totals;
  checks.counters().add_to(totals);
  EXPECT_EQ(totals.unread_bytes, 2 * kBlock);
  EXPECT_EQ(totals.bytes, 0U);
}

TEST_F(VerifierTest, OneWriteInSixtyFourIsLookedAtAgain) {
  Verifier checks = verifier();
  for (int i = 0; i < 63; ++i) checks.check_written(slot_of(wrong, util::Op::write));
  EXPECT_TRUE(faults.empty());
  checks.check_written(slot_of(wrong, util::Op::write));
  EXPECT_EQ(faults, std::vector{HostFault::memory});
  for (int i = 0; i < 64; ++i) checks.check_written(slot_of(right, util::Op::write));
  EXPECT_EQ(faults.size(), 1U);
}

TEST_F(VerifierTest, WhatIsInDoubtIsNotJudged) {
  series->doubts().add(0, 1);
  Verifier checks = verifier();
  checks.check_read(slot_of(wrong));
  VerifyTotals totals;
  checks.counters().add_to(totals);
  EXPECT_EQ(totals.indeterminate_bytes, kBlock);
  EXPECT_TRUE(damages.empty());
}

}  // namespace
}  // namespace spliced::run
