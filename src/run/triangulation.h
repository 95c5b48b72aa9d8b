// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <span>
#include <string>
#include <vector>

#include "environment.h"
#include "held_target.h"
#include "spliced/engine/options.h"
#include "spliced/run/verification.h"

namespace spliced::run {

// Reads a place that was found to be wrong again, in other ways, and tells from what they agree on where the fault is.
// Never writes. On a worker's thread, which it keeps for more than a second.
class Triangulation {
 public:
  struct Parts {
    const Environment& environment;
    const engine::Options& options;  // of the job's engine
    int fd;
    bool block_device;
    std::uint32_t alignment;          // of direct I/O
    std::atomic<util::Nanos>& since;  // is set while it waits for the device
  };
  explicit Triangulation(const Parts& parts) : with_(parts) {}

  struct Result {
    Finding finding = Finding::untried;
    std::vector<Reread> rereads;
  };
  // `found` was read at `offset`, where `expected` should be.
  [[nodiscard]] Result run(std::uint64_t offset, std::span<const std::byte> found,
                           std::span<const std::byte> expected) const;

 private:
  enum class Outcome : std::uint8_t { right, same, other, nothing, failed };
  struct Try {
    Outcome outcome = Outcome::failed;
    int error = 0;
  };
  struct Place;
  [[nodiscard]] Try by_engine(const engine::Options& options, const Place& place) const;
  [[nodiscard]] Try through_cache(const Place& place) const;
  [[nodiscard]] static Try compare(const std::byte* data, const Place& place);
  [[nodiscard]] static std::string result_of(const Try& one);
  [[nodiscard]] static Finding conclude(const std::vector<Try>& tries, bool own_is_psync);
  const Parts with_;
};

// What a read buffer holds in the first bytes of each sector, so that a read which delivers nothing is told as such.
void poison(std::span<std::byte> buffer);
[[nodiscard]] bool is_poisoned(std::span<const std::byte> buffer);  // all of it still

}  // namespace spliced::run
