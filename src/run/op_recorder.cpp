// SPDX-License-Identifier: Apache-2.0
#include "op_recorder.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

namespace spliced::run {

using engine::IoSlot;
using engine::Outcome;

namespace {

std::uint64_t size_now(int fd) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) return 0;
  std::uint64_t bytes = static_cast<std::uint64_t>(st.st_size);
  if (S_ISBLK(st.st_mode) && ::ioctl(fd, BLKGETSIZE64, &bytes) != 0) return 0;
  return bytes;
}

// A disk that has given up writing becomes read-only, and then its writes are not permitted.
bool became_read_only(int fd) {
  int read_only = 0;
  return ::ioctl(fd, BLKROGET, &read_only) == 0 && read_only != 0;
}

}  // namespace

// A target that ended inside its planned range went away or shrank: reads find no more bytes, writes no more space, and
// what is to be trimmed is invalid.
ErrorClass classify_failure(const IoSlot& slot, int fd) {
  const bool ended = slot.outcome == Outcome::end_of_target;
  const bool trim_refused = slot.op == util::Op::trim && slot.error == EINVAL;
  if (ended || trim_refused || slot.error == ENOSPC || slot.error == EIO) {
    if (slot.offset + slot.length > size_now(fd)) return ErrorClass::removed;
  }
  if (slot.outcome == Outcome::host_failed || slot.outcome == Outcome::unsupported ||
      slot.outcome == Outcome::path_refused) {
    const bool refused = slot.error == EPERM || slot.error == EACCES;
    return refused && became_read_only(fd) ? ErrorClass::io : ErrorClass::host;
  }
  return ended ? ErrorClass::removed : classify_errno(slot.error);
}

void OpRecorder::count_into(const BandsByOp& bands) {
  for (std::size_t i = 0; i < tallies_.size(); ++i) tallies_[i] = figures::BandTally(bands[i]);
}

void OpRecorder::flush_bands() {
  for (auto& tally : tallies_) tally.flush();
}

void OpRecorder::record_failure(const IoSlot& slot, LiveOp& op) {
  const bool changes = slot.op == util::Op::write || slot.op == util::Op::trim;
  if (changes) owner_.on_doubt(slot);
  if (slot.outcome == Outcome::stopped) return op.bytes.add(slot.moved);
  const ErrorClass error_class = classify_failure(slot, fd_);
  const bool of_blocks = util::op_class(slot.op) != util::OpClass::sync;
  op.fail(slot.moved, of_blocks ? slot.length : slot.moved, error_class);
  tallies_[static_cast<std::size_t>(util::op_class(slot.op))].fail(slot.offset);
  owner_.on_error(slot, error_class);
}

}  // namespace spliced::run
