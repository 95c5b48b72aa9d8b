// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "spliced/workload/block_source.h"

namespace spliced::workload {

// What one of the workers of a device is to do: the blocks that it takes from the source, and the syncs that come
// between its own writes. Belongs to one thread; allocates nothing while it runs, and locks nothing.
class RequestFeed {
 public:
  enum class Next : std::uint8_t {
    request,
    later,  // see BlockSource::Taken
    end,    // all is taken
  };
  // Both outlive it.
  RequestFeed(const WorkloadSpec& spec, BlockSource& source);

  // `batch`: how many blocks are done together.
  [[nodiscard]] Next next(Request& out, std::size_t batch);
  // The fsync that ends the worker's part, if one was asked for and something was written.
  [[nodiscard]] bool last(Request& out);

  // A request with a position has come to an end, with or without success.
  void done(std::uint64_t position) {
    const std::uint64_t group = position / kGroup;
    if (group != done_group_) publish();
    done_group_ = group;
    done_ |= std::uint32_t{1} << (position % kGroup);
  }
  // What is done is told to the source when there is something of another group, and when this is called: before
  // anything that takes long, and at the end.
  void publish() {
    if (done_ != 0) source_.mark(done_group_, done_);
    done_ = 0;
  }

  [[nodiscard]] const BlockSource& source() const { return source_; }

 private:
  static constexpr std::uint64_t kGroup = 32;  // positions that are told together
  struct Due {
    bool fsync = false;
    bool fdatasync = false;
    bool sync_file_range = false;
  };
  [[nodiscard]] Next draw(std::size_t batch);
  void begin_round(std::uint64_t position);
  void track_write(const Request& write);
  [[nodiscard]] bool is_due(std::uint64_t every) const { return every != 0 && writes_ % every == 0; }
  [[nodiscard]] bool pending_sync(Request& out);

  // What every request looks at comes first and together.
  alignas(64) BlockSource& source_;
  BlockSource::Chunk chunk_;                       // what is left of it
  std::uint64_t round_begin_ = 0, round_end_ = 0;  // positions
  std::uint32_t round_number_ = 0;
  std::uint64_t done_group_ = 0;
  std::uint32_t done_ = 0;
  bool has_held_ = false;
  Request held_;  // what is drawn and may not begin yet
  const bool syncs_;
  Due due_;
  bool wrote_ = false;
  Pass round_;
  std::uint64_t writes_ = 0;
  std::uint64_t dirty_begin_ = ~std::uint64_t{0};
  std::uint64_t dirty_end_ = 0;
  const std::uint64_t fsync_, fdatasync_, sync_file_range_;
  const bool end_fsync_;
};

}  // namespace spliced::workload
