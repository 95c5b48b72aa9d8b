// SPDX-License-Identifier: Apache-2.0
#include "form/figures_form.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace spliced::form {
namespace {

run::StageFigures full_figures() {
  run::StageFigures out;
  out.stage = "fill";
  figures::BandTable& table = out.bands[1].emplace();
  table.grid = {4096, 300ULL << 20};
  for (std::size_t i = 0; i < table.grid.count(); ++i) {
    table.sums.push_back({i * 7, i * 3'000, static_cast<std::uint32_t>(i), 2});
    table.last.push_back(123.456F * static_cast<float>(i));
    table.before.push_back(1e9F + static_cast<float>(i));
  }
  table.round = 3;
  out.damage[{2, 4}] = 9;
  out.latency[1].add(5, 2);
  out.latency[1].add(workload::buckets::kCount - 1, 1);
  out.latency[1].add_sums(1'000, 900);
  return out;
}

TEST(FiguresForm, AreReadAsTheyWereWritten) {
  const std::string text = write_figures(full_figures());
  const auto read = parse_figures(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(text, write_figures(*read));
  EXPECT_EQ(full_figures().bands[1]->last, read->bands[1]->last);
  EXPECT_EQ(full_figures().bands[1]->before, read->bands[1]->before);
  EXPECT_EQ(full_figures().bands[1]->sums, read->bands[1]->sums);
  EXPECT_EQ(full_figures().bands[1]->grid, read->bands[1]->grid);
  EXPECT_EQ(3U, read->bands[1]->round);
  EXPECT_FALSE(read->bands[0]);
  EXPECT_EQ(full_figures().damage, read->damage);
  EXPECT_EQ(full_figures().latency[1].counts(), read->latency[1].counts());
  EXPECT_EQ(900U, read->latency[1].max_nanos());
  EXPECT_EQ(0U, read->latency[0].count());
}

// In the store a number stands for a column that has no other; in results each band has its own.
TEST(FiguresForm, AColumnThatIsTheSameIsOneNumber) {
  const auto compact = render_figures(full_figures(), true)["bands"]["write"];
  EXPECT_EQ(2, compact["errors"]);
  EXPECT_TRUE(compact["bytes"].is_array());
  const auto whole = render_figures(full_figures())["bands"]["write"];
  EXPECT_EQ(whole["bands"], whole["errors"].size());
}

TEST(FiguresForm, WhatIsDamagedIsNotRead) {
  const auto good = render_figures(full_figures());
  ASSERT_TRUE(parse_figures(good.dump()));
  EXPECT_FALSE(parse_figures(""));
  EXPECT_FALSE(parse_figures("{}"));
  auto short_column = good;
  short_column["bands"]["write"]["bytes"].erase(0);
  EXPECT_FALSE(parse_figures(short_column.dump()));
  auto another_kind = good;
  another_kind["damage"][0]["kind"] = "nonsense";
  EXPECT_FALSE(parse_figures(another_kind.dump()));
  auto another_sum = good;
  another_sum["latency"]["write"]["count"] = 7;
  EXPECT_FALSE(parse_figures(another_sum.dump()));
}

TEST(FiguresForm, OverTimeIsReadAsItWasWritten) {
  run::OverTime all;
  all.began = util::WallTime(std::chrono::milliseconds(1'700'000'000'123));
  figures::SeriesPoint point;
  point.length = 1;
  point.ops[0] = {4096, 1024, 8192, 1, 0.5, 2, 1e5, 1e6, 2e6};
  point.errors = 3;
  point.temperature = 41;
  point.marks = figures::SeriesPoint::kPaused;
  all.series.add(point);
  const std::string bytes = write_over_time(all);
  const auto read = parse_over_time(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(all.began, read->began);
  EXPECT_EQ(bytes, write_over_time(*read));
  EXPECT_FALSE(parse_over_time(bytes.substr(0, 7)));
  EXPECT_FALSE(parse_over_time(bytes.substr(0, bytes.size() - 1)));
  const Json shown = render_over_time(*read);
  const Json& one = shown["points"][0];
  EXPECT_EQ("2023-11-14T22:13:20.123Z", shown["began_at"]);
  EXPECT_NEAR(4096, one["read"]["bytes_per_second"][0].get<double>(), 4);
  EXPECT_NEAR(1024, one["read"]["bytes_per_second"][1].get<double>(), 1);
  EXPECT_NEAR(8192, one["read"]["bytes_per_second"][2].get<double>(), 8);
  EXPECT_NEAR(0.002, one["read"]["latency_seconds"][2].get<double>(), 1e-5);
  EXPECT_FALSE(one.contains("write"));
  EXPECT_EQ(3, one["errors"]);
  EXPECT_EQ(41, one["temperature_celsius"]);
  EXPECT_EQ(true, one["paused"]);
  EXPECT_FALSE(one.contains("ramp"));
}

}  // namespace
}  // namespace spliced::form
