// SPDX-License-Identifier: Apache-2.0
#include "spliced/workload/request_feed.h"

#include <algorithm>

#include "done_window.h"

namespace spliced::workload {

using util::Op;

RequestFeed::RequestFeed(const WorkloadSpec& spec, BlockSource& source)
    : source_(source),
      syncs_(spec.fsync != 0 || spec.fdatasync != 0 || spec.sync_file_range != 0),
      round_(source.first_round()),
      fsync_(spec.fsync),
      fdatasync_(spec.fdatasync),
      sync_file_range_(spec.sync_file_range),
      end_fsync_(spec.end_fsync) {
  static_assert(kGroup == DoneWindow::kGroup);
}

RequestFeed::Next RequestFeed::next(Request& out, std::size_t batch) {
  if (pending_sync(out)) return Next::request;
  if (!has_held_) {
    const Next drawn = draw(batch);
    if (drawn != Next::request) return drawn;
  }
  if (held_.needs != kNoPosition && !source_.is_done(held_.needs)) {
    publish();  // it may be one of ours
    if (!source_.is_done(held_.needs)) return Next::later;
  }
  has_held_ = false;
  out = held_;
  if (out.op == Op::write) track_write(out);
  return Next::request;
}

// The request at the next position.
RequestFeed::Next RequestFeed::draw(std::size_t batch) {
  std::uint64_t position = 0;
  do {
    if (chunk_.begin == chunk_.end) {
      const auto taken = source_.take(batch, chunk_);
      if (taken != BlockSource::Taken::chunk) return taken == BlockSource::Taken::later ? Next::later : Next::end;
    }
    position = chunk_.begin++;
  } while (source_.was_done(position));
  if (position - round_begin_ >= round_end_ - round_begin_) begin_round(position);
  held_ = round_.at(position - round_begin_);
  held_.position = position;
  held_.round = round_number_;
  if (held_.needs != kNoPosition) held_.needs += round_begin_;
  has_held_ = true;
  return Next::request;
}

bool RequestFeed::last(Request& out) {
  if (!end_fsync_ || !wrote_) return false;
  wrote_ = false;
  out = {Op::fsync, 0, 0};
  return true;
}

void RequestFeed::begin_round(std::uint64_t position) {
  const std::uint64_t number = position / round_.count();
  round_number_ = static_cast<std::uint32_t>(number);
  round_ = round_.round(source_.first_number() + number);
  round_begin_ = number * round_.count();
  round_end_ = round_begin_ + round_.count();
}

void RequestFeed::track_write(const Request& write) {
  wrote_ = true;
  if (!syncs_) return;
  ++writes_;
  dirty_begin_ = std::min(dirty_begin_, write.offset);
  dirty_end_ = std::max(dirty_end_, write.offset + write.length);
  due_ = {is_due(fsync_), is_due(fdatasync_), is_due(sync_file_range_)};
}

bool RequestFeed::pending_sync(Request& out) {
  if (due_.sync_file_range) {
    due_.sync_file_range = false;
    out = {Op::sync_file_range, dirty_begin_, dirty_end_ - dirty_begin_};
    dirty_begin_ = ~std::uint64_t{0};
    dirty_end_ = 0;
    return true;
  }
  if (due_.fdatasync) {
    due_.fdatasync = false;
    out = {Op::fdatasync, 0, 0};
    return true;
  }
  if (!due_.fsync) return false;
  due_.fsync = false;
  out = {Op::fsync, 0, 0};
  return true;
}

}  // namespace spliced::workload
