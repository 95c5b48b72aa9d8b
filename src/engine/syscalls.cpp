// SPDX-License-Identifier: Apache-2.0
#include "spliced/engine/syscalls.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spliced::engine {
namespace {

// What moves data goes round the C library's functions, which are cancellation points (pthreads(7)): two locked
// instructions a call, a measurable part of a small block, for something that no thread here uses.
class Kernel final : public Syscalls {
 public:
  ssize_t splice(int in, off64_t* off_in, int out, off64_t* off_out, std::size_t length) override {
    return ::syscall(SYS_splice, in, off_in, out, off_out, length, 0U);
  }
  ssize_t vmsplice(int fd, const iovec* iov, std::size_t count, unsigned flags) override {
    return ::syscall(SYS_vmsplice, fd, iov, count, flags);
  }
  ssize_t read(int fd, void* buffer, std::size_t length) override { return ::read(fd, buffer, length); }
  ssize_t write(int fd, const void* buffer, std::size_t length) override { return ::write(fd, buffer, length); }
  ssize_t pread(int fd, void* buffer, std::size_t length, std::uint64_t offset) override {
    return ::syscall(SYS_pread64, fd, buffer, length, offset);
  }
  ssize_t pwrite(int fd, const void* buffer, std::size_t length, std::uint64_t offset) override {
    return ::syscall(SYS_pwrite64, fd, buffer, length, offset);
  }
  int pipe(int fds[2]) override { return ::pipe2(fds, O_CLOEXEC); }
  int close(int fd) override { return ::close(fd); }
  int set_pipe_size(int fd, int bytes) override { return ::fcntl(fd, F_SETPIPE_SZ, bytes); }
  int get_pipe_size(int fd) override { return ::fcntl(fd, F_GETPIPE_SZ); }
  void* map_read_only(std::size_t length) override {
    return ::mmap(nullptr, length, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  }
  int unmap(void* address, std::size_t length) override { return ::munmap(address, length); }
  int discard(int fd, std::uint64_t offset, std::uint64_t length) override {
    std::uint64_t range[2] = {offset, length};
    return ::ioctl(fd, BLKDISCARD, range);
  }
  int punch_hole(int fd, std::uint64_t offset, std::uint64_t length) override {
    return ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                       static_cast<off_t>(length));
  }
  int fsync(int fd) override { return ::fsync(fd); }
  int fdatasync(int fd) override { return ::fdatasync(fd); }
  int sync_file_range(int fd, std::uint64_t offset, std::uint64_t length) override {
    return ::sync_file_range(fd, static_cast<off64_t>(offset), static_cast<off64_t>(length), SYNC_FILE_RANGE_WRITE);
  }
  int wait_ms(int milliseconds) override { return ::poll(nullptr, 0, milliseconds); }
};

}  // namespace

Syscalls& kernel() {
  static Kernel instance;
  return instance;
}

}  // namespace spliced::engine
