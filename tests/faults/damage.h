// SPDX-License-Identifier: Apache-2.0
// What a disk can do to data and say nothing.
#pragma once
#include <sys/types.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <sstream>
#include <string>
#include <vector>

// One line of the control file of fuse_disk, behind "damage":
//   write|read KIND OFFSET LENGTH [N [TIMES]]
// What is written to that range, or only what is read of it, is damaged, in each request or in the first TIMES of them:
//   stale          what is written is not kept; there is no such read
//   misdirected    it goes to, or comes from, N bytes further on
//   torn           only the first N bytes of the range are written, or read; the others are what was there, or zeros
//   zeroed, ones   all bytes
//   flipped        bit N of the range
//   slipped        data lies N bytes further on in the range than it should
//   nothing        reads succeed, and deliver what the server's memory happens to hold
struct Damage {
  bool write = false;
  std::string kind;
  off_t begin = 0, end = 0;
  off_t amount = 0;
  long times = -1;

  static bool parse(std::istringstream& in, Damage& out) {
    std::string op;
    off_t length = 0;
    if (!(in >> op >> out.kind >> out.begin >> length)) return false;
    out.write = op == "write";
    out.end = out.begin + length;
    if (in >> out.amount) in >> out.times;
    static const std::vector<std::string> kinds{"stale", "misdirected", "torn",    "zeroed",
                                                "ones",  "flipped",     "slipped", "nothing"};
    return std::find(kinds.begin(), kinds.end(), out.kind) != kinds.end();
  }
};

// A request to the bytes of a disk, with what is to become of it.
class DamagedRequest {
 public:
  DamagedRequest(std::span<char> disk, off_t offset, std::size_t size) : disk_(disk), offset_(offset), size_(size) {}

  void write(const char* data, std::vector<Damage>& damages) {
    std::vector<char> now(data, data + size_);
    for (Damage& one : damages) {
      if (applies(one, true)) damage(one, now.data());
    }
    std::memcpy(disk_.data() + offset_, now.data(), size_);
  }

  void read(char* out, std::vector<Damage>& damages) {
    std::memcpy(out, disk_.data() + offset_, size_);
    for (Damage& one : damages) {
      if (applies(one, false)) damage(one, out);
    }
  }

 private:
  bool applies(Damage& one, bool write) {
    first_ = std::max(one.begin, offset_);
    last_ = std::min(one.end, offset_ + static_cast<off_t>(size_));
    if (one.write != write || first_ >= last_ || one.times == 0) return false;
    if (one.times > 0) --one.times;
    return true;
  }

  // The bytes at [first_, last_) of the disk, in the data of the request and in what is there.
  void damage(const Damage& one, char* data) {
    char* const part = data + (first_ - offset_);
    char* const there = disk_.data() + first_;
    const auto length = static_cast<std::size_t>(last_ - first_);
    if (one.kind == "zeroed") {
      std::fill_n(part, length, '\0');
    } else if (one.kind == "ones") {
      std::fill_n(part, length, '\xff');
    } else if (one.kind == "stale") {
      std::copy_n(there, length, part);
    } else if (one.kind == "torn") {
      const off_t cut = std::clamp(one.begin + one.amount, first_, last_) - first_;
      if (one.write) {
        std::copy_n(there + cut, length - static_cast<std::size_t>(cut), part + cut);
      } else {
        std::fill_n(part + cut, length - static_cast<std::size_t>(cut), '\0');
      }
    } else if (one.kind == "flipped") {
      const off_t byte = one.begin + one.amount / 8;
      if (byte >= first_ && byte < last_) data[byte - offset_] ^= static_cast<char>(1 << one.amount % 8);
    } else if (one.kind == "slipped") {
      const auto by = std::min(static_cast<std::size_t>(one.amount), length);
      std::copy_backward(part, part + (length - by), part + length);
      std::fill_n(part, by, '\x3c');
    } else if (one.kind == "misdirected") {
      misdirect(one, part, there, length);
    } else if (one.kind == "nothing") {
      std::copy_n(memory_.begin(), std::min(length, memory_.size()), part);
    }
  }

  void misdirect(const Damage& one, char* part, char* there, std::size_t length) {
    const off_t other = first_ + one.amount;
    if (other < 0 || other + static_cast<off_t>(length) > static_cast<off_t>(disk_.size())) return;
    if (one.write) {
      std::copy_n(part, length, disk_.data() + other);
      std::copy_n(there, length, part);
    } else {
      std::copy_n(disk_.data() + other, length, part);
    }
  }

  inline static std::vector<char> memory_ = std::vector<char>(1 << 20, '\x6b');
  std::span<char> disk_;
  const off_t offset_;
  const std::size_t size_;
  off_t first_ = 0, last_ = 0;
};
