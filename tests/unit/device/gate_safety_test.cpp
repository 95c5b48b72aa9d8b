// What is on a target and who uses it, as the gate judges it.
#include <fmt/format.h>

#include "gate_fixture.h"
#include "signatures.h"

namespace spliced::device {
namespace {

using testing::contains;

struct GateSafetyTest : testing::GateFixture {
  std::string ext2 = dir.write("ext2", testing::ext2_image());
  std::string swap = dir.write("swap", testing::swap_image());
};

TEST_F(GateSafetyTest, AFileSystemIsRefusedAndNamed) {
  EXPECT_TRUE(contains(refusal(ext2, writing()), "carries a signature: ext2"));
  EXPECT_TRUE(contains(refusal(swap, writing()), "carries a signature: swap"));
  EXPECT_TRUE(contains(refusal(swap, writing()), "/overwrite_signatures"));
  EXPECT_EQ(code, util::Errc::conflict);
}

TEST_F(GateSafetyTest, ASignatureThatIsNamedMayBeLost) {
  Access access = writing();
  access.overwrite_signatures = {"ext2"};
  EXPECT_EQ(refusal(ext2, access), "");
  EXPECT_TRUE(contains(refusal(swap, access), "carries a signature: swap"));
  access.overwrite_signatures = {"ext2", "swap"};
  EXPECT_EQ(refusal(swap, access), "");
  access.overwrite_signatures = {"all"};
  EXPECT_EQ(refusal(swap, access), "");
}

TEST_F(GateSafetyTest, ReadersDoNotLookAtSignatures) {
  EXPECT_EQ(refusal(ext2, reading()), "");
  EXPECT_EQ(refusal(swap, reading()), "");
}

TEST_F(GateSafetyTest, ARefusedTargetIsUnchanged) {
  EXPECT_NE(refusal(ext2, writing()), "");
  std::ifstream in(ext2, std::ios::binary);
  const std::string now((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  EXPECT_EQ(now, testing::ext2_image());
}

TEST_F(GateSafetyTest, ASwapFileInUseIsRefused) {
  host.swap(swap);
  EXPECT_TRUE(contains(refusal(swap, reading()), "swap area " + swap));
}

TEST_F(GateSafetyTest, TheFileOfALoopDeviceIsRefused) {
  const std::string image = dir.file("image", 8192);
  host.block("loop0", "7:0", 16);
  host.attribute("loop0", "loop/backing_file", image);
  EXPECT_TRUE(contains(refusal(image, reading()), "the backing of loop0"));
  Access access = reading();
  access.allow_in_use = true;
  EXPECT_EQ(refusal(image, access), "");
}

TEST_F(GateSafetyTest, AWriterIsRefusedEvenIfItAllowsUse) {
  const std::string image = dir.file("image", 8192);
  host.block("loop0", "7:0", 16);
  host.attribute("loop0", "loop/backing_file", image);
  Access access = writing();
  access.allow_in_use = true;
  EXPECT_TRUE(contains(refusal(image, access), "the backing of loop0"));
}

TEST_F(GateSafetyTest, EverythingInTheWayIsSaidAtOnce) {
  host.swap(swap);
  host.block("loop0", "7:0", 16);
  host.attribute("loop0", "loop/backing_file", swap);
  const Inspection inspection = gate.inspect(swap, writing(), gate.host());
  EXPECT_EQ(inspection.refusals.size(), 3U);
  auto opened = gate.open(swap, writing(), "job-1");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().details.size(), 3U);
}

TEST_F(GateSafetyTest, AnOverviewLooksForSignaturesLast) {
  host.swap(swap);
  Access access = writing();
  access.signatures_last = true;
  EXPECT_EQ(gate.inspect(swap, access, gate.host()).refusals.size(), 1U);
  EXPECT_EQ(gate.inspect(ext2, access, gate.host()).refusals.size(), 1U);
}

TEST(RefusalError, IsAConflictWhenOneReasonIs) {
  const util::Error conflict = refusal_error("/dev/x", {{"is a directory", false}, {"is busy", true}});
  EXPECT_EQ(conflict.code, util::Errc::conflict);
  EXPECT_EQ(conflict.message, "/dev/x is a directory; /dev/x is busy");
  ASSERT_EQ(conflict.details.size(), 2U);
  EXPECT_EQ(conflict.details[1].detail, "/dev/x is busy");
  EXPECT_EQ(refusal_error("/dev/x", {{"is a directory", false}}).code, util::Errc::invalid);
}

}  // namespace
}  // namespace spliced::device
