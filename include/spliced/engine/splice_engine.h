// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <limits>
#include <memory>
#include <stop_token>

#include "spliced/engine/engine.h"
#include "spliced/engine/syscalls.h"

namespace spliced::engine {

struct SpliceConfig {
  int fd = -1;                // the target, owned by the caller, open for what the transfers do
  bool block_device = false;  // trim by BLKDISCARD; otherwise by punching holes
  bool pinned = false;        // `read_path` must work: no downgrade
  ReadPath read_path = ReadPath::map;
  std::array<PipeSetting, kDirections> settings;  // to begin with, by Direction
  bool gift = false;                              // SPLICE_F_GIFT when memory goes into the pipe
  // Bytes, at least 1. A longer read goes through the first so many bytes of its buffer again and again, and its data
  // is not kept: for a caller that does not look at it, and wants it to take little memory and stay in the CPU's cache.
  std::size_t read_window = std::numeric_limits<std::size_t>::max();
};

// Bounds of the waits of one system call that answers EAGAIN or ENODATA. A medium error is ENODATA too, and a dying
// disk must not be asked many times.
inline constexpr int kMaxAgainWaits = 64;
inline constexpr int kMaxNoDataWaits = 3;
inline constexpr int kMaxWaitMs = 16;

// Moves data between a target and memory with splice(2) and vmsplice(2) through a pipe. docs/ENGINE.md tells how.
class SpliceEngine final : public Engine {
 public:
  SpliceEngine(const SpliceConfig& config, Syscalls& sys, util::Clock& clock, std::stop_token stop);
  ~SpliceEngine() override;
  [[nodiscard]] std::size_t run(std::span<Transfer> transfers, util::Nanos until) override;
  void release() override;
  void tune(Direction direction, const PipeSetting& setting) override;
  [[nodiscard]] const EngineCounters& counters() const override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spliced::engine
