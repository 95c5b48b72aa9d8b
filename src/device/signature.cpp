// SPDX-License-Identifier: Apache-2.0
#include "signature.h"

#include <blkid.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

namespace spliced::device {
namespace {

constexpr std::uint64_t kPiece = 4096;       // bytes of one read: what a bad sector takes with it
constexpr std::uint64_t kProbed = 2U << 20;  // bytes at either end in which libblkid looks

// libblkid says that it failed, but neither where nor why.
util::Error explain(int fd, const blkid_struct_probe* probe) {
  std::array<char, kPiece> buffer{};
  const ReadAt read = [&](std::uint64_t offset, std::uint64_t length) -> std::int64_t {
    for (;;) {
      const ssize_t got = ::pread(fd, buffer.data(), length, static_cast<off_t>(offset));
      if (got >= 0) return got;
      if (errno != EINTR) return -errno;
    }
  };
  const off_t size = blkid_probe_get_size(const_cast<blkid_struct_probe*>(probe));
  if (auto place = find_unreadable(static_cast<std::uint64_t>(std::max<off_t>(size, 0)), read)) return *place;
  return {util::Errc::system, "looking for them failed, though all can be read", 0, {}};
}

}  // namespace

std::optional<util::Error> find_unreadable(std::uint64_t size, const ReadAt& read) {
  const std::uint64_t tail = size > kProbed ? (size - kProbed) / kPiece * kPiece : size;
  for (std::uint64_t at = 0; at < size; at += kPiece) {
    if (at >= kProbed && at < tail) at = tail;
    const std::uint64_t length = std::min(kPiece, size - at);
    const std::int64_t got = read(at, length);
    if (got >= 0) continue;
    const int error = static_cast<int>(-got);
    return util::Error{util::Errc::system,
                       fmt::format("{} bytes at offset {} cannot be read: {}", length, at, util::errno_text(error)),
                       error,
                       {}};
  }
  return std::nullopt;
}

util::Result<std::vector<std::string>> find_signatures(int fd) {
  const std::unique_ptr<blkid_struct_probe, void (*)(blkid_probe)> probe(blkid_new_probe(), &blkid_free_probe);
  if (!probe || blkid_probe_set_device(probe.get(), fd, 0, 0) != 0) {
    const int error = errno;
    return util::fail(util::Errc::system, fmt::format("looking for them failed: {}", util::errno_text(error)), error);
  }
  blkid_probe_enable_superblocks(probe.get(), 1);
  blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_TYPE);
  blkid_probe_enable_partitions(probe.get(), 1);
  std::vector<std::string> names;
  // 0: found one, 1: no more, negative: error.
  int more = 0;
  while ((more = blkid_do_probe(probe.get())) == 0) {
    for (const char* key : {"TYPE", "PTTYPE"}) {
      const char* value = nullptr;
      if (blkid_probe_lookup_value(probe.get(), key, &value, nullptr) == 0 && value != nullptr) {
        names.emplace_back(value);
      }
    }
  }
  if (more < 0) return tl::unexpected(explain(fd, probe.get()));
  return names;
}

}  // namespace spliced::device
