// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "spliced/engine/syscalls.h"

namespace spliced::engine::test {

// Hands each call on. For doubles that change a few of them.
class ForwardingSyscalls : public Syscalls {
 public:
  explicit ForwardingSyscalls(Syscalls& next = kernel()) : next_(next) {}
  ssize_t splice(int in, off64_t* off_in, int out, off64_t* off_out, std::size_t length) override {
    return next_.splice(in, off_in, out, off_out, length);
  }
  ssize_t vmsplice(int fd, const iovec* iov, std::size_t count, unsigned flags) override {
    return next_.vmsplice(fd, iov, count, flags);
  }
  ssize_t read(int fd, void* buffer, std::size_t length) override { return next_.read(fd, buffer, length); }
  ssize_t write(int fd, const void* buffer, std::size_t length) override { return next_.write(fd, buffer, length); }
  ssize_t pread(int fd, void* buffer, std::size_t length, std::uint64_t offset) override {
    return next_.pread(fd, buffer, length, offset);
  }
  ssize_t pwrite(int fd, const void* buffer, std::size_t length, std::uint64_t offset) override {
    return next_.pwrite(fd, buffer, length, offset);
  }
  int pipe(int fds[2]) override { return next_.pipe(fds); }
  int close(int fd) override { return next_.close(fd); }
  int set_pipe_size(int fd, int bytes) override { return next_.set_pipe_size(fd, bytes); }
  int get_pipe_size(int fd) override { return next_.get_pipe_size(fd); }
  void* map_read_only(std::size_t length) override { return next_.map_read_only(length); }
  int unmap(void* address, std::size_t length) override { return next_.unmap(address, length); }
  int discard(int fd, std::uint64_t offset, std::uint64_t length) override { return next_.discard(fd, offset, length); }
  int punch_hole(int fd, std::uint64_t offset, std::uint64_t length) override {
    return next_.punch_hole(fd, offset, length);
  }
  int fsync(int fd) override { return next_.fsync(fd); }
  int fdatasync(int fd) override { return next_.fdatasync(fd); }
  int sync_file_range(int fd, std::uint64_t offset, std::uint64_t length) override {
    return next_.sync_file_range(fd, offset, length);
  }
  int wait_ms(int milliseconds) override { return next_.wait_ms(milliseconds); }

 protected:
  Syscalls& next_;
};

}  // namespace spliced::engine::test
