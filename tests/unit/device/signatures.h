// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>

namespace spliced::testing {

inline void put_le(std::string& image, std::size_t at, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) image[at + i] = static_cast<char>((value >> (8 * i)) & 0xff);
}

// The superblock of an ext2 file system of 256 blocks of 1 KiB (linux/Documentation/filesystems/ext4/super.rst), and
// nothing behind it.
inline std::string ext2_image() {
  std::string image(256 * 1024, '\0');
  constexpr std::size_t super = 1024;
  put_le(image, super + 0x00, 32, 4);      // inodes
  put_le(image, super + 0x04, 256, 4);     // blocks
  put_le(image, super + 0x14, 1, 4);       // first data block
  put_le(image, super + 0x20, 8192, 4);    // blocks per group
  put_le(image, super + 0x28, 32, 4);      // inodes per group
  put_le(image, super + 0x38, 0xEF53, 2);  // magic
  put_le(image, super + 0x3A, 1, 2);       // clean
  put_le(image, super + 0x4C, 1, 4);       // revision
  put_le(image, super + 0x54, 11, 4);      // first inode
  put_le(image, super + 0x58, 128, 2);     // size of an inode
  image[super + 0x68] = 1;                 // UUID
  return image;
}

// The header of a swap area of 16 pages (mkswap(8)).
inline std::string swap_image() {
  std::string image(64 * 1024, '\0');
  put_le(image, 1024, 1, 4);       // version
  put_le(image, 1024 + 4, 15, 4);  // last page
  image.replace(4096 - 10, 10, "SWAPSPACE2");
  return image;
}

// A DOS partition table with one Linux partition.
inline std::string dos_image() {
  std::string image(64 * 1024, '\0');
  image[446 + 4] = static_cast<char>(0x83);
  put_le(image, 446 + 8, 8, 4);
  put_le(image, 446 + 12, 100, 4);
  put_le(image, 510, 0xAA55, 2);
  return image;
}

}  // namespace spliced::testing
