// SPDX-License-Identifier: Apache-2.0
#include "form/checkpoint_form.h"

#include <gtest/gtest.h>

namespace spliced::form {
namespace {

run::Checkpoint full_checkpoint() {
  run::Checkpoint out;
  out.active = 5;
  out.next_pass = 3;
  out.ramped = 7;
  out.elapsed = 11;
  out.series.push_back({1, 2, 4, {9, 8, {1}, {255}}, {{5, 6}, {7, 9}}});
  run::StreamPoint& stream = out.streams.emplace_back();
  stream.visited = 4096;
  stream.passes[2] = 512;
  stream.totals.asked_for[1] = true;
  stream.totals.cpu_wait = 13;
  stream.totals.cpu_wait_known = true;
  stream.totals.engine.ran[0] = true;
  stream.totals.engine.events[0][1] = 17;
  stream.totals.verify.mismatches[3] = 19;
  stream.totals.verify.bytes = 23;
  stream.totals.verify.host_faults[1] = 29;
  run::OpTotals& writes = out.before.ops[1];
  writes.bytes = 31;
  writes.operations = 37;
  writes.errors[2] = 41;
  writes.across_flush = 43;
  writes.latency.add(100, 2);
  writes.latency.add(workload::buckets::kCount - 1, 1);
  writes.latency.add_sums(1000, 900);
  return out;
}

TEST(CheckpointForm, IsReadAsItWasWritten) {
  const std::string text = write_counts(full_checkpoint());
  run::Checkpoint read;
  ASSERT_TRUE(read_counts(text, read));
  EXPECT_EQ(write_counts(read), text);
  EXPECT_EQ(read.series.at(0).cursor.missing, std::vector<std::uint64_t>{1});
  EXPECT_EQ(read.series.at(0).doubts.at(1).end, 9U);
  EXPECT_EQ(read.streams.at(0).passes.at(2), 512U);
  EXPECT_EQ(read.before.ops[1].latency.count(), 3U);
  EXPECT_EQ(read.before.ops[1].latency.max_nanos(), 900U);
  EXPECT_EQ(read.streams[0].totals.verify.mismatches[3], 19U);
}

TEST(CheckpointForm, WhatIsOfAnotherVersionOrDamagedIsNotRead) {
  const std::string text = write_counts(full_checkpoint());
  const auto read = [](const std::string& form) {
    run::Checkpoint out;
    return read_counts(form, out);
  };
  EXPECT_FALSE(read(""));
  EXPECT_FALSE(read("[]"));
  EXPECT_FALSE(read(text.substr(0, text.size() / 2)));
  std::string other = text;
  other.replace(other.find("\"version\":1"), 11, "\"version\":2");
  EXPECT_FALSE(read(other));
  other = text;
  other.replace(other.find("\"order\":1"), 9, "\"order\":9");
  EXPECT_FALSE(read(other));
}

}  // namespace
}  // namespace spliced::form
