// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "fake_machine.h"

namespace spliced::device {
namespace {

using testing::FakeMachine;
using testing::file_id;

// A loop device whose driver does not say what it writes to.
TEST(FindBlindSpots, ALoopDeviceConcernsWhatItMayWriteTo) {
  FakeMachine machine;
  const auto blind = [&](const NodeId& node) { return !find_blind_spots(node, machine.host).empty(); };
  machine.disk("loop0", makedev(7, 0)).backing_path = "/dev/sdb";
  EXPECT_TRUE(blind(block_id(makedev(7, 0))));
  EXPECT_TRUE(blind(block_id(makedev(8, 16))));
  EXPECT_FALSE(blind(block_id(makedev(8, 0))));
  machine.host.blocks.back().backing_path = "/srv/image";
  EXPECT_FALSE(blind(block_id(makedev(8, 16))));
  EXPECT_TRUE(blind(file_id(5)));
  machine.host.blocks.back().backing_lost = true;
  EXPECT_TRUE(blind(file_id(5))) << "of a file system that is not known";
  machine.mount(file_id(5).device, "/srv");
  EXPECT_FALSE(blind(file_id(5))) << "a local file system needs no server";
  machine.host.mounts.back().type = "nfs4";
  EXPECT_TRUE(blind(file_id(5)));
  machine.host.blocks.back().backing = file_id(6);
  EXPECT_FALSE(blind(file_id(5)));
}

}  // namespace
}  // namespace spliced::device
