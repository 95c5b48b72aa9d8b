// SPDX-License-Identifier: Apache-2.0
#include "pipe.h"

#include <algorithm>
#include <cerrno>
#include <climits>

namespace spliced::engine {

int Pipe::open() {
  if (fds_[0] < 0 && sys_.pipe(fds_) != 0) {
    const int error = errno;
    fds_[0] = fds_[1] = -1;
    return error;
  }
  resize();
  const int size = sys_.get_pipe_size(fds_[1]);
  // One page is the least that any kernel gives; to assume it is always safe.
  capacity_ = size > 0 ? static_cast<std::size_t>(size) : util::kPageSize;
  obtained_.set(capacity_);
  ready_ = true;
  return 0;
}

void Pipe::want(std::size_t bytes) {
  if (bytes == wanted_) return;
  wanted_ = bytes;
  ready_ = false;
}

// EPERM when the limit of an unprivileged user is in the way, EBUSY, ENOMEM: half as much is still better than nothing.
void Pipe::resize() {
  const int current = sys_.get_pipe_size(fds_[1]);
  std::size_t size = std::min<std::size_t>(wanted_, INT_MAX / 2);
  while (static_cast<int>(size) != current && size >= util::kPageSize) {
    if (sys_.set_pipe_size(fds_[1], static_cast<int>(size)) >= 0) return;
    size /= 2;
    if (static_cast<int>(size) <= current) return;
  }
}

void Pipe::reset() {
  if (fds_[0] < 0) return;
  close();
  counters_.pipe_resets.add();
}

void Pipe::close() {
  for (int& fd : fds_) {
    if (fd >= 0) sys_.close(fd);
    fd = -1;
  }
  ready_ = false;
}

}  // namespace spliced::engine
