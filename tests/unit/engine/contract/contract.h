// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "subject.h"

namespace spliced::engine::contract {

inline constexpr std::size_t kBlock = 4096;

// Slots of one test, each with a buffer of its own, and what the target must hold in the end.
class ContractTest : public ::testing::Test {
 protected:
  void use(const std::string& name) {
    subject = make_subject(name);
    model = subject->target();
  }
  void TearDown() override {
    subject->engine().release();
    subject->expect_nothing_left();
  }
  Engine& engine() { return subject->engine(); }
  [[nodiscard]] bool moves_data() const { return !model.empty(); }

  // `count` blocks far apart, writes with contents of their own.
  void make(Op op, std::size_t count, std::size_t block = kBlock) {
    buffers = make_filled(count * block, 11);
    slots.clear();
    for (std::size_t i = 0; i < count; ++i) {
      slots.push_back(make_transfer(op, offset_of(i), block, buffers.data() + i * block));
    }
  }
  [[nodiscard]] static std::uint64_t offset_of(std::size_t index) { return index * 37 % 61 * 2 * kBlock; }

  [[nodiscard]] std::size_t submit(std::span<IoSlot> some) {
    std::vector<IoSlot*> pointers;
    for (IoSlot& slot : some) pointers.push_back(&slot);
    return engine().submit(pointers);
  }
  // What one reap gives, each of them a slot of ours that was not given before.
  std::vector<IoSlot*> reap(std::size_t room, std::size_t min, util::Nanos until = 0) {
    std::vector<IoSlot*> ended(room);
    ended.resize(engine().reap(ended, min, until));
    for (IoSlot* slot : ended) {
      EXPECT_TRUE(slot >= slots.data() && slot < slots.data() + slots.size());
      EXPECT_TRUE(given_back.insert(slot).second) << "twice";
    }
    return ended;
  }
  std::vector<IoSlot*> withdraw(std::size_t room) {
    std::vector<IoSlot*> back(room);
    back.resize(engine().withdraw(back));
    for (IoSlot* slot : back) EXPECT_TRUE(given_back.insert(slot).second) << "twice";
    return back;
  }
  // All slots to their end, past those that fail, as a worker does it.
  void run_all() {
    const std::size_t depth = engine().traits().depth;
    std::size_t begun = 0;
    std::size_t ended = 0;
    for (int idle = 0; ended < slots.size() && idle < 3;) {
      const std::size_t more = std::min(depth - (begun - ended), slots.size() - begun);
      begun += submit(std::span(slots).subspan(begun, more));
      const std::size_t count = reap(slots.size(), 1).size();
      idle = count == 0 ? idle + 1 : 0;
      ended += count;
    }
    EXPECT_EQ(ended, slots.size());
  }
  // The model gets what each write says that it moved; the target must be like it, and reads have what it holds.
  void expect_consistent() {
    for (const IoSlot& slot : slots) {
      if (slot.op == Op::write) std::copy_n(slot.buffer, slot.moved, model.begin() + index(slot.offset));
    }
    EXPECT_TRUE(test::same(model, subject->target())) << "bytes are where no slot says that it put them";
    for (const IoSlot& slot : slots) {
      if (slot.op != Op::read || slot.moved == 0) continue;
      const bool whole = slot.outcome == Outcome::done || slot.outcome == Outcome::end_of_target;
      ASSERT_EQ(slot.data != nullptr, whole);
      if (!whole) continue;
      EXPECT_TRUE(test::same(slot.data, model.data() + slot.offset, slot.moved)) << "offset " << slot.offset;
    }
  }
  void expect_done(const IoSlot& slot) {
    EXPECT_EQ(slot.outcome, Outcome::done) << "offset " << slot.offset;
    EXPECT_EQ(slot.error, 0);
    EXPECT_EQ(slot.moved, slot.length);
  }
  void expect_all_done() {
    for (const IoSlot& slot : slots) expect_done(slot);
  }
  static std::ptrdiff_t index(std::uint64_t offset) { return static_cast<std::ptrdiff_t>(offset); }

  std::unique_ptr<Subject> subject;
  PageBuffer buffers;
  std::vector<IoSlot> slots;
  std::vector<std::byte> model;
  std::set<IoSlot*> given_back;
};

// Every engine, each over the fake kernel and the real one, and the splice engine over those of tomorrow, too.
inline auto engines_with_a_target() {
  return ::testing::Values("splice_fake", "splice_real", "splice_tomorrow_fake", "splice_tomorrow_real", "psync_fake",
                           "psync_real", "scripted");
}
inline auto all_engines() {
  return ::testing::Values("splice_fake", "splice_real", "splice_tomorrow_fake", "splice_tomorrow_real", "psync_fake",
                           "psync_real", "scripted", "null");
}

}  // namespace spliced::engine::contract
