// SPDX-License-Identifier: Apache-2.0
// The limit that the daemon is measured against: the same system calls in a loop, without anything around them. No
// clock, no histogram, no counters that others read, no pacing, no error handling: a call that fails ends the program.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Options {
  std::string target, rw;
  std::size_t bs = 0, pipe = 0, batch = 1;
  bool direct = true, discard = false, psync = false;
  unsigned threads = 1;
  double seconds = 1;
};

struct alignas(64) Count {
  std::uint64_t operations = 0;
};

// What is read goes through so much memory over and over, as the daemon has it for what nobody looks at.
constexpr std::size_t kWindow = 16 * 1024;

__extension__ using Wide = unsigned __int128;

std::atomic<bool> stopped{false};

[[noreturn]] void die(const char* what) {
  ::perror(what);
  ::_exit(1);
}

std::size_t check(ssize_t moved, const char* what) {
  if (moved <= 0) die(what);
  return static_cast<std::size_t>(moved);
}

// Not the C library's functions: those are cancellation points, which costs some ten nanoseconds a call.
ssize_t splice_raw(int in, off64_t* off_in, int out, off64_t* off_out, std::size_t bytes) {
  return ::syscall(SYS_splice, in, off_in, out, off_out, bytes, 0U);
}
ssize_t vmsplice_raw(int fd, const iovec* iov, std::size_t count) {
  return ::syscall(SYS_vmsplice, fd, iov, count, 0U);
}

ssize_t pread_raw(int fd, void* buffer, std::size_t bytes, off64_t offset) {
  return ::syscall(SYS_pread64, fd, buffer, bytes, offset);
}
ssize_t pwrite_raw(int fd, const void* buffer, std::size_t bytes, off64_t offset) {
  return ::syscall(SYS_pwrite64, fd, buffer, bytes, offset);
}

// A short one would leave the loop waiting for ever for bytes that are not in the pipe.
void check_all(ssize_t moved, std::size_t wanted, const char* what) {
  if (check(moved, what) != wanted) die(what);
}

std::uint64_t size_of(int fd) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) die("fstat");
  std::uint64_t bytes = static_cast<std::uint64_t>(st.st_size);
  if (S_ISBLK(st.st_mode) && ::ioctl(fd, BLKGETSIZE64, &bytes) != 0) die("BLKGETSIZE64");
  return bytes;
}

// Aligned to huge pages, and of huge pages where that helps: as the daemon has it for what is written.
std::byte* allocate(std::size_t bytes, bool huge) {
  constexpr std::size_t kHuge = 2 << 20;
  const std::size_t room = (bytes + kHuge - 1) / kHuge * kHuge + kHuge;
  void* memory = ::mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) die("mmap");
  const auto aligned = (reinterpret_cast<std::uintptr_t>(memory) + kHuge - 1) / kHuge * kHuge;
  auto* buffer = reinterpret_cast<std::byte*>(aligned);
  if (huge) ::madvise(buffer, room - kHuge, MADV_HUGEPAGE);
  for (std::size_t at = 0; at < bytes; at += 4096) buffer[at] = std::byte{0};
  return buffer;
}

class Loop {
 public:
  Loop(const Options& options, unsigned index, int fd)
      : options_(options), fd_(fd), blocks_(size_of(fd) / options.bs / options.threads) {
    first_ = blocks_ * index;
    state_ = index + 1;
    random_ = options.rw.starts_with("rand");
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) die("pipe2");
    out_ = fds[0];
    in_ = fds[1];
    if (::fcntl(in_, F_SETPIPE_SZ, static_cast<int>(options.pipe)) < 0) die("F_SETPIPE_SZ");
    sink_ = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    const bool writes = options.rw.ends_with("write");
    buffer_ = allocate(options.bs, writes && options.bs > 4096);
    if (writes) {
      iov_.resize(options.batch, {buffer_, options.bs});  // the same zeros
      return;
    }
    const std::size_t bytes = std::min(options.bs * options.batch, options.pipe);
    const std::size_t window = std::min(kWindow, options.bs);
    for (std::size_t at = 0; at < bytes; at += window) iov_.push_back({buffer_, std::min(window, bytes - at)});
  }

  void run(Count& count) {
    const bool writes = options_.rw.ends_with("write");
    while (!stopped.load(std::memory_order_relaxed)) {
      if (options_.psync) {
        writes ? check_all(pwrite_raw(fd_, buffer_, options_.bs, next()), options_.bs, "pwrite")
               : check_all(pread_raw(fd_, buffer_, options_.bs, next()), options_.bs, "pread");
      } else if (options_.bs > options_.pipe) {
        writes ? write_in_pieces() : read_in_pieces();
      } else {
        writes ? write_batch() : read_batch();
      }
      count.operations += options_.batch;
    }
  }

 private:
  off64_t next() {
    if (random_) {
      state_ ^= state_ << 13;
      state_ ^= state_ >> 7;
      state_ ^= state_ << 17;
      const auto block = static_cast<std::uint64_t>((static_cast<Wide>(state_) * blocks_) >> 64);
      return static_cast<off64_t>((first_ + block) * options_.bs);
    }
    if (++cursor_ >= blocks_) cursor_ = 0;
    return static_cast<off64_t>((first_ + cursor_) * options_.bs);
  }
  void write_batch() {
    check_all(vmsplice_raw(in_, iov_.data(), iov_.size()), options_.bs * options_.batch, "vmsplice");
    for (std::size_t i = 0; i < options_.batch; ++i) from_pipe(next(), options_.bs);
  }
  void read_batch() {
    for (std::size_t i = 0; i < options_.batch; ++i) into_pipe(next(), options_.bs);
    leave(options_.bs * options_.batch);
  }
  void write_in_pieces() {
    const off64_t offset = next();
    for (std::size_t at = 0; at < options_.bs; at += options_.pipe) {
      const iovec iov{buffer_ + at, options_.pipe};
      check_all(vmsplice_raw(in_, &iov, 1), options_.pipe, "vmsplice");
      from_pipe(offset + static_cast<off64_t>(at), options_.pipe);
    }
  }
  void read_in_pieces() {
    const off64_t offset = next();
    for (std::size_t at = 0; at < options_.bs; at += options_.pipe) {
      into_pipe(offset + static_cast<off64_t>(at), options_.pipe);
      leave(options_.pipe);
    }
  }
  void into_pipe(off64_t offset, std::size_t bytes) {
    while (bytes > 0) bytes -= check(splice_raw(fd_, &offset, in_, nullptr, bytes), "splice from the target");
  }
  void from_pipe(off64_t offset, std::size_t bytes) {
    while (bytes > 0) bytes -= check(splice_raw(out_, nullptr, fd_, &offset, bytes), "splice to the target");
  }
  void leave(std::size_t bytes) {
    if (!options_.discard) return check_all(vmsplice_raw(out_, iov_.data(), iov_.size()), bytes, "vmsplice");
    while (bytes > 0) bytes -= check(splice_raw(out_, nullptr, sink_, nullptr, bytes), "splice to /dev/null");
  }

  const Options& options_;
  int fd_, in_ = -1, out_ = -1, sink_ = -1;
  std::uint64_t blocks_, first_ = 0, cursor_ = 0, state_ = 1;
  bool random_ = false;
  std::byte* buffer_ = nullptr;
  std::vector<iovec> iov_;
};

double cpu_seconds() {
  timespec ts{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
  return static_cast<double>(ts.tv_sec) + static_cast<double>(ts.tv_nsec) / 1e9;
}

Options parse(int argc, char** argv) {
  std::map<std::string, std::string> given;
  for (int i = 1; i + 1 < argc; i += 2) given[argv[i]] = argv[i + 1];
  const auto number = [&](const char* name, std::size_t otherwise) {
    return given.contains(name) ? std::stoull(given[name]) : otherwise;
  };
  Options o;
  o.target = given["--target"];
  o.rw = given["--rw"];
  o.bs = number("--bs", 4096);
  o.pipe = number("--pipe", 65536);
  o.batch = number("--batch", 1);
  o.threads = static_cast<unsigned>(number("--threads", 1));
  o.direct = number("--direct", 1) != 0;
  o.discard = number("--discard", 0) != 0;
  o.psync = number("--psync", 0) != 0;
  o.seconds = std::stod(given.contains("--seconds") ? given["--seconds"] : "1");
  return o;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const int flags = (options.rw.ends_with("write") ? O_RDWR : O_RDONLY) | O_CLOEXEC | (options.direct ? O_DIRECT : 0);
  const int fd = ::open(options.target.c_str(), flags);
  if (fd < 0) die(options.target.c_str());
  // As the others do: what lies in the page cache would be looked for there by every direct write.
  if (options.direct) ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  std::vector<Count> counts(options.threads);
  std::vector<Loop> loops;
  for (unsigned i = 0; i < options.threads; ++i) loops.emplace_back(options, i, fd);
  const double cpu_before = cpu_seconds();
  const auto begun = std::chrono::steady_clock::now();
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < options.threads; ++i) threads.emplace_back([&, i] { loops[i].run(counts[i]); });
  std::this_thread::sleep_for(std::chrono::duration<double>(options.seconds));
  stopped = true;
  threads.clear();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  std::uint64_t operations = 0;
  for (const Count& count : counts) operations += count.operations;
  fmt::print("{{\"operations\": {}, \"seconds\": {:.6f}, \"cpu_seconds\": {:.6f}}}\n", operations, took.count(),
             cpu_seconds() - cpu_before);
}
