// SPDX-License-Identifier: Apache-2.0
#include "api/job_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "unit/store/texts.h"

namespace spliced::api {
namespace {

using nlohmann::json;
using testing::text_of;

// The worst there is: `devices` with 256 errors each. Made one at a time.
job::JobView worst(std::size_t devices) {
  job::JobView view;
  view.head.id = "worst";
  view.devices = devices;
  view.device = [](std::size_t i) {
    job::DeviceSnapshot device;
    device.facts.name = "sd" + std::to_string(i);
    for (std::uint64_t e = 0; e < 256; ++e) {
      device.errors.push_back({util::Op::read, e * 4096, 4096, "EIO", 1, std::string(100, 'x')});
    }
    return device;
  };
  return view;
}

std::size_t size_of(const util::Pieces& pieces, std::size_t& largest) {
  std::size_t total = 0;
  for (bool more = true; more;) {
    std::string piece;
    more = pieces(piece);
    largest = std::max(largest, piece.size());
    total += piece.size();
  }
  return total;
}

TEST(JobText, IsMadeInPiecesHoweverLargeTheJob) {
  std::size_t largest = 0;
  EXPECT_GT(size_of(job_text(worst(64)), largest), 64U * 256 * 200);
  EXPECT_LE(largest, util::kPieceBytes);
}

TEST(JobText, NoDeviceIsAskedForBeforeItsTurn) {
  job::JobView view = worst(64);
  std::size_t asked = 0;
  view.device = [&asked, device = view.device](std::size_t i) {
    ++asked;
    return device(i);
  };
  const util::Pieces pieces = job_text(std::move(view));
  std::string piece;
  EXPECT_TRUE(pieces(piece));
  EXPECT_LE(asked, 8U);
}

TEST(JobText, EndsWithALine) {
  const std::string text = text_of(job_text(worst(3)));
  EXPECT_EQ(json::parse(text).at("devices").size(), 3U);
  EXPECT_NE(text.find("\n      \"device\": \"sd0\""), text.npos);
  EXPECT_TRUE(text.ends_with("}\n"));
}

TEST(JobText, AJobWithoutDevicesIsWhole) {
  EXPECT_EQ(json::parse(text_of(job_text(worst(0)))).at("devices"), json::array());
}

TEST(PageText, HasWholeJobsAndLeavesOutWhatWasForgotten) {
  const auto open = [](const std::string& id) -> util::Result<job::JobView> {
    if (id == "gone") return util::fail(util::Errc::not_found, "gone");
    job::JobView view = worst(2);
    view.head.id = id;
    return view;
  };
  const json page = json::parse(text_of(page_text(open, {"a", "gone", "b"}, "5.b")));
  ASSERT_EQ(page.at("jobs").size(), 2U);
  EXPECT_EQ(page.at("jobs")[0].at("id"), "a");
  EXPECT_EQ(page.at("jobs")[1].at("devices")[1].at("errors").size(), 256U);
  EXPECT_EQ(page.at("next_page_token"), "5.b");
  EXPECT_EQ(json::parse(text_of(page_text(open, {}, ""))),
            (json{{"jobs", json::array()}, {"next_page_token", nullptr}}));
}

TEST(PageText, AJobThatCannotBeReadIsNotLeftOutSilently) {
  const auto open = [](const std::string&) -> util::Result<job::JobView> {
    return util::fail(util::Errc::unavailable, "the state directory does not answer");
  };
  EXPECT_THROW((void)text_of(page_text(open, {"a"}, "")), std::runtime_error);
}

TEST(PageText, OpensOneJobAfterTheOther) {
  int opened = 0;
  const auto open = [&](const std::string&) -> util::Result<job::JobView> {
    ++opened;
    return worst(32);
  };
  const util::Pieces pieces = page_text(open, std::vector<std::string>(20, "x"), "");
  std::string piece;
  EXPECT_TRUE(pieces(piece));
  EXPECT_EQ(opened, 1);
}

}  // namespace
}  // namespace spliced::api
