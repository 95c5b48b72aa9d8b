// SPDX-License-Identifier: Apache-2.0
#include "job/comeback.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "spliced/device/identity.h"
#include "unit/device/fake_host.h"

namespace spliced::job {
namespace {

using device::TargetFacts;
using util::Reason;

struct ComebackTest : ::testing::Test {
  void disk(const std::string& name, const std::string& number, std::uint64_t sectors, const std::string& wwn) {
    host.block(name, number, sectors);
    host.attribute(name, "device/wwid", "naa." + wwn);
  }
  // What an earlier daemon knew of the disk.
  TargetFacts known(const std::string& name) {
    for (const auto& node : device::list_block_nodes(host.paths())) {
      if (node.name != name) continue;
      TargetFacts out;
      out.block_device = true;
      out.name = name;
      out.path = device::node_path(name);
      out.size = node.size;
      out.info = node.info;
      out.id = {true, node.number, 0};
      return out;
    }
    return {};
  }
  util::Result<std::string> find(const TargetFacts& then) { return find_again(admission, then, {}); }
  static Reason why(const util::Result<std::string>& found) {
    return found ? Reason::internal : util::reason_of(found.error());
  }

  testing::FakeHost host;
  device::TargetAdmission admission{device::AllowList({"/dev/*"}), host.paths()};
};

TEST_F(ComebackTest, ADiskIsFoundByItsNumberWhateverItIsCalled) {
  disk("sda", "8:0", 2048, "5000c500a1b2c3d4");
  const TargetFacts then = known("sda");
  ASSERT_FALSE(device::known_by(then.info).empty());
  EXPECT_EQ(find(then).value(), "/dev/sda");
  disk("sda", "8:0", 2048, "5000c500ffffffff");
  EXPECT_EQ(why(find(then)), Reason::missing) << "another one has taken its place";
  disk("sdb", "8:16", 2048, "5000c500a1b2c3d4");
  EXPECT_EQ(find(then).value(), "/dev/sdb");
}

TEST_F(ComebackTest, TwoPathsAreOneDisk) {
  disk("sda", "8:0", 2048, "5000c500a1b2c3d4");
  disk("sdb", "8:16", 2048, "5000c500a1b2c3d4");
  EXPECT_EQ(find(known("sdb")).value(), "/dev/sdb") << "the one that it was";
  TargetFacts then = known("sda");
  then.name = "sdx";
  EXPECT_EQ(find(then).value(), "/dev/sda") << "or any";
}

TEST_F(ComebackTest, OneOfAnotherSizeIsNotWhatItWas) {
  disk("sda", "8:0", 2048, "5000c500a1b2c3d4");
  TargetFacts then = known("sda");
  then.size *= 2;
  EXPECT_EQ(why(find(then)), Reason::changed);
}

TEST_F(ComebackTest, WhereNothingTellsItFromOthersItIsNotFound) {
  host.block("loop0", "7:0", 2048);
  EXPECT_EQ(why(find(known("loop0"))), Reason::missing);
}

TEST_F(ComebackTest, AFileIsFoundByItsInode) {
  testing::TempDir dir;
  TargetFacts then;
  then.path = dir.file("a", 4096);
  struct stat st {};
  ASSERT_EQ(::stat(then.path.c_str(), &st), 0);
  then.id = {false, st.st_dev, st.st_ino};
  EXPECT_EQ(find(then).value(), then.path);
  then.id.inode += 1;
  EXPECT_EQ(why(find(then)), Reason::changed);
  then.path += ".gone";
  EXPECT_EQ(why(find(then)), Reason::missing);
}

}  // namespace
}  // namespace spliced::job
