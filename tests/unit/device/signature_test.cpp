// SPDX-License-Identifier: Apache-2.0
#include "device/signature.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "signatures.h"
#include "spliced/util/unique_fd.h"
#include "temp_dir.h"

namespace spliced::device {
namespace {

struct SignatureTest : ::testing::Test {
  [[nodiscard]] std::vector<std::string> find(const std::string& content) const {
    const util::UniqueFd fd(::open(dir.write("image", content).c_str(), O_RDONLY | O_CLOEXEC));
    auto names = find_signatures(fd.get());
    EXPECT_TRUE(names);
    return names.value_or(std::vector<std::string>{"error"});
  }
  testing::TempDir dir;
};

using Names = std::vector<std::string>;

TEST_F(SignatureTest, NothingIsFoundOnEmptyOrArbitraryBytes) {
  EXPECT_EQ(find(std::string(65536, '\0')), Names{});
  EXPECT_EQ(find(std::string(65536, 'x')), Names{});
}

TEST_F(SignatureTest, SmallFilesAreNoError) {
  EXPECT_EQ(find(std::string(1, 'x')), Names{});
  EXPECT_EQ(find(std::string(512, 'x')), Names{});
  EXPECT_EQ(find(std::string(4097, 'x')), Names{});
}

TEST_F(SignatureTest, FileSystemsAndSwapAreNamed) {
  EXPECT_EQ(find(testing::ext2_image()), Names{"ext2"});
  EXPECT_EQ(find(testing::swap_image()), Names{"swap"});
}

TEST_F(SignatureTest, APartitionTableIsNamed) {
  EXPECT_EQ(find(testing::dos_image()), Names{"dos"});
}

TEST_F(SignatureTest, EverySignatureIsNamedNotTheFirstAlone) {
  std::string image = testing::ext2_image();
  image.replace(0, 8, std::string("LUKS\xba\xbe\0\1", 8));
  image.replace(446, 66, testing::dos_image(), 446, 66);
  auto names = find(image);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (Names{"crypto_LUKS", "dos", "ext2"}));
}

TEST(FindUnreadable, NamesTheFirstPlaceAtEitherEnd) {
  constexpr std::uint64_t size = 100ULL << 20;
  std::uint64_t bad = 0;
  std::uint64_t reads = 0;
  const ReadAt read = [&](std::uint64_t offset, std::uint64_t length) -> std::int64_t {
    ++reads;
    return bad >= offset && bad < offset + length ? -EIO : static_cast<std::int64_t>(length);
  };
  for (const std::uint64_t at : {std::uint64_t{0}, std::uint64_t{65536 + 512}, size - 1}) {
    bad = at;
    const auto error = find_unreadable(size, read);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->sys_errno, EIO);
    EXPECT_EQ(error->message,
              "4096 bytes at offset " + std::to_string(at / 4096 * 4096) + " cannot be read: Input/output error");
  }
  bad = size / 2;
  reads = 0;
  EXPECT_FALSE(find_unreadable(size, read));
  EXPECT_EQ(reads, (4ULL << 20) / 4096);
  bad = 700;
  EXPECT_TRUE(find_unreadable(1000, read)) << "and where there is less than a piece";
}

TEST_F(SignatureTest, ADescriptorThatCannotBeReadIsAnError) {
  const util::UniqueFd fd(::open(dir.path().c_str(), O_PATH | O_CLOEXEC));
  EXPECT_FALSE(find_signatures(fd.get()));
  EXPECT_FALSE(find_signatures(-1));
}

}  // namespace
}  // namespace spliced::device
