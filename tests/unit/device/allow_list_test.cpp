// SPDX-License-Identifier: Apache-2.0
#include "spliced/device/allow_list.h"

#include <gtest/gtest.h>

#include <string>

namespace spliced::device {
namespace {

TEST(AllowList, AllowsNothingWithoutAPattern) {
  const AllowList list;
  EXPECT_TRUE(list.empty());
  EXPECT_FALSE(list.allows("/dev/sda"));
  EXPECT_FALSE(list.allows("/"));
  EXPECT_FALSE(list.allows(""));
}

TEST(AllowList, AllowsAnExactPathAndNothingLonger) {
  const AllowList list({"/dev/sdb"});
  EXPECT_FALSE(list.empty());
  EXPECT_TRUE(list.allows("/dev/sdb"));
  EXPECT_FALSE(list.allows("/dev/sdb1"));
  EXPECT_FALSE(list.allows("/dev/sd"));
  EXPECT_FALSE(list.allows("/dev/sdb/"));
}

TEST(AllowList, StarDoesNotCrossASlash) {
  const AllowList list({"/dev/sd*"});
  EXPECT_TRUE(list.allows("/dev/sd"));
  EXPECT_TRUE(list.allows("/dev/sda"));
  EXPECT_TRUE(list.allows("/dev/sdaa17"));
  EXPECT_FALSE(list.allows("/dev/sda/x"));
  EXPECT_FALSE(AllowList({"/dev/*"}).allows("/dev/disk/by-id/x"));
  EXPECT_TRUE(AllowList({"/dev/*/*/*"}).allows("/dev/disk/by-id/x"));
}

TEST(AllowList, KnowsQuestionMarksAndClasses) {
  const AllowList list({"/dev/sd?", "/dev/nvme[0-3]n1", "/dev/vd[!a]"});
  EXPECT_TRUE(list.allows("/dev/sda"));
  EXPECT_FALSE(list.allows("/dev/sdab"));
  EXPECT_FALSE(list.allows("/dev/sd/"));
  EXPECT_TRUE(list.allows("/dev/nvme3n1"));
  EXPECT_FALSE(list.allows("/dev/nvme4n1"));
  EXPECT_TRUE(list.allows("/dev/vdb"));
  EXPECT_FALSE(list.allows("/dev/vda"));
}

TEST(AllowList, TakesAnEscapedWildcardForItself) {
  const AllowList list({R"(/srv/a\*b)"});
  EXPECT_TRUE(list.allows("/srv/a*b"));
  EXPECT_FALSE(list.allows("/srv/axb"));
}

TEST(AllowList, ATrailingSlashAllowsEverythingBelow) {
  const AllowList list({"/srv/scratch/"});
  EXPECT_TRUE(list.allows("/srv/scratch/a"));
  EXPECT_TRUE(list.allows("/srv/scratch/a/b/c"));
  EXPECT_FALSE(list.allows("/srv/scratch"));
  EXPECT_FALSE(list.allows("/srv/scratchy"));
  EXPECT_FALSE(list.allows("/srv/other/scratch/a"));
}

TEST(AllowList, WithoutATrailingSlashADirectoryAllowsOnlyItself) {
  const AllowList list({"/srv/scratch"});
  EXPECT_FALSE(list.allows("/srv/scratch/a"));
}

TEST(AllowList, TheRootWithASlashAllowsEveryAbsolutePath) {
  const AllowList list({"/"});
  EXPECT_TRUE(list.allows("/etc/passwd"));
  EXPECT_FALSE(list.allows("etc/passwd"));
}

TEST(AllowList, RefusesDotDotWhereverItStands) {
  const AllowList list({"/srv/scratch/", "/dev/*", "/dev/*/*"});
  EXPECT_FALSE(list.allows("/srv/scratch/../etc/passwd"));
  EXPECT_FALSE(list.allows("/srv/scratch/a/.."));
  EXPECT_FALSE(list.allows("/dev/.."));
  EXPECT_FALSE(list.allows("/../dev/sda"));
  EXPECT_FALSE(list.allows("/dev/../sda"));
}

TEST(AllowList, ANameThatOnlyBeginsOrEndsWithTwoDotsIsFine) {
  const AllowList list({"/srv/scratch/"});
  EXPECT_TRUE(list.allows("/srv/scratch/..a"));
  EXPECT_TRUE(list.allows("/srv/scratch/a.."));
  EXPECT_TRUE(list.allows("/srv/scratch/a..b/c"));
}

TEST(AllowList, RefusesRelativeAndEmptyPaths) {
  const AllowList list({"*", "dev/*", ""});
  EXPECT_FALSE(list.allows(""));
  EXPECT_FALSE(list.allows("dev/sda"));
  EXPECT_FALSE(list.allows("sda"));
  EXPECT_FALSE(list.allows("/sda"));
}

TEST(AllowList, IsCaseSensitive) {
  const AllowList list({"/dev/sda"});
  EXPECT_FALSE(list.allows("/dev/SDA"));
}

TEST(AllowList, OneOfManyPatternsIsEnough) {
  const AllowList list({"/a", "/b/", "/c*"});
  EXPECT_TRUE(list.allows("/a"));
  EXPECT_TRUE(list.allows("/b/x"));
  EXPECT_TRUE(list.allows("/cc"));
  EXPECT_FALSE(list.allows("/d"));
}

TEST(AllowList, SurvivesBrokenPatternsAndLongPaths) {
  const AllowList list({"/dev/[", "/dev/sd\\", "/x/"});
  EXPECT_FALSE(list.allows("/dev/sda"));
  EXPECT_TRUE(list.allows("/x/" + std::string(100'000, 'y')));
  EXPECT_FALSE(list.allows("/" + std::string(100'000, '/')));
}

// glob(7): a leading period must be matched explicitly.
TEST(AllowList, AStarDoesNotMatchALeadingPeriod) {
  const AllowList list({"/srv/*"});
  EXPECT_FALSE(list.allows("/srv/.hidden"));
}

// The header promises patterns first and the meaning of the trailing slash second.
TEST(AllowList, WildcardsWorkInFrontOfATrailingSlash) {
  const AllowList list({"/srv/*/scratch/"});
  EXPECT_TRUE(list.allows("/srv/one/scratch/a"));
  EXPECT_TRUE(list.allows("/srv/one/scratch/a/b"));
  EXPECT_FALSE(list.allows("/srv/one/two/scratch/a"));
}

}  // namespace
}  // namespace spliced::device
