// SPDX-License-Identifier: Apache-2.0
// Every system call of the engine, behind one interface, so that a test can refuse, shorten or interrupt any of them.
// A virtual call costs about a nanosecond; the cheapest of these calls costs several hundred.
#pragma once
#include <poll.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

namespace spliced::engine {

// Same meaning as the calls of the same name: -1 and errno on failure. Thread-safe.
class Syscalls {
 public:
  virtual ~Syscalls() = default;
  virtual ssize_t splice(int in, off64_t* off_in, int out, off64_t* off_out, std::size_t length) = 0;
  virtual ssize_t vmsplice(int fd, const iovec* iov, std::size_t count, unsigned flags) = 0;
  virtual ssize_t read(int fd, void* buffer, std::size_t length) = 0;
  virtual ssize_t write(int fd, const void* buffer, std::size_t length) = 0;
  virtual ssize_t pread(int fd, void* buffer, std::size_t length, std::uint64_t offset) = 0;
  virtual ssize_t pwrite(int fd, const void* buffer, std::size_t length, std::uint64_t offset) = 0;
  virtual int pipe(int fds[2]) = 0;  // close-on-exec, blocking
  virtual int close(int fd) = 0;
  virtual int set_pipe_size(int fd, int bytes) = 0;
  virtual int get_pipe_size(int fd) = 0;
  virtual void* map_read_only(std::size_t length) = 0;  // fresh anonymous PROT_READ mapping, MAP_FAILED on failure
  virtual int unmap(void* address, std::size_t length) = 0;
  virtual int discard(int fd, std::uint64_t offset, std::uint64_t length) = 0;     // BLKDISCARD
  virtual int punch_hole(int fd, std::uint64_t offset, std::uint64_t length) = 0;  // FALLOC_FL_PUNCH_HOLE|KEEP_SIZE
  virtual int fsync(int fd) = 0;
  virtual int fdatasync(int fd) = 0;
  virtual int sync_file_range(int fd, std::uint64_t offset, std::uint64_t length) = 0;
  virtual int wait_ms(int milliseconds) = 0;  // poll(2) without descriptors: a sleep that a signal ends
};

// The real kernel. Has no state and lives as long as the program.
[[nodiscard]] Syscalls& kernel();

}  // namespace spliced::engine
