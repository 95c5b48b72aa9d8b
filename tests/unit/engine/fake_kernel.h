// SPDX-License-Identifier: Apache-2.0
// A kernel for tests: one pipe model, one target held in memory, and a fault for any call.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "spliced/engine/syscalls.h"

namespace spliced::engine::test {

inline constexpr int kTargetFd = 900;
inline constexpr std::size_t kPage = 4096;

// The system calls, told apart by what they move.
enum class Call : std::uint8_t {
  target_to_pipe,
  pipe_to_target,
  pipe_to_sink,
  memory_to_pipe,
  pipe_to_memory,
  read,
  write,
  pread,
  pwrite,
  pipe,
  close,
  set_pipe_size,
  get_pipe_size,
  map,
  unmap,
  discard,
  punch_hole,
  fsync,
  fdatasync,
  sync_file_range,
  wait,
};
inline constexpr std::size_t kCalls = 21;

// What happens to one call. `error` refuses it; `limit` is the most that it moves, 0 included.
struct Fault {
  int error = 0;
  std::size_t limit = std::numeric_limits<std::size_t>::max();
  std::function<void()> action = nullptr;  // happens first
};

struct Record {
  Call call = Call::pipe;
  int fd = -1;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;  // bytes, or milliseconds of a wait
  unsigned flags = 0;
  std::int64_t result = 0;
};

// Models a pipe by its slots: every page that a vmsplice touches takes one, and holds a reference to the caller's
// memory until it leaves. A call that would block for ever fails the test. Descriptors start at 1000; whatever else
// data is spliced to must be /dev/null. Not thread-safe.
class FakeKernel final : public Syscalls {
 public:
  explicit FakeKernel(std::size_t target_bytes = 1 << 20);
  ~FakeKernel() override;
  FakeKernel(const FakeKernel&) = delete;
  FakeKernel& operator=(const FakeKernel&) = delete;

  // Faults for the `nth` call of a kind, from 1. A later fault for the same call replaces the earlier one.
  void fail(Call call, std::size_t nth, int error) { on(call, nth, {error}); }
  void shorten(Call call, std::size_t nth, std::size_t limit) { on(call, nth, {0, limit}); }
  void on(Call call, std::size_t nth, Fault fault);
  // Faults for all calls of a kind that have none of their own.
  void always(Call call, Fault fault);
  void never(Call call);
  // Asked for every call that has no other fault.
  std::function<Fault(Call)> chaos;

  // vmsplice is a copy, as readv and writev are; SPLICE_F_GIFT and SPLICE_F_NONBLOCK are refused with EOPNOTSUPP.
  bool vmsplice_copies = false;
  bool map_works = false;                // a vmsplice into a read-only mapping succeeds; EFAULT otherwise
  bool short_at_any_byte = false;        // a shortened vmsplice may end inside a page, which Linux does not do
  int end_error = 0;                     // of a splice to the target behind its end; 0 means that it returns 0
  std::size_t default_slots = 16;        // of a new pipe
  std::size_t max_pipe_bytes = 1 << 20;  // more is refused with EPERM
  std::vector<std::byte> target;

  [[nodiscard]] std::size_t calls(Call call) const { return counts_[static_cast<std::size_t>(call)]; }
  [[nodiscard]] const std::vector<Record>& records() const { return records_; }
  [[nodiscard]] std::vector<Record> records(Call call) const;
  void forget_calls();
  [[nodiscard]] std::size_t bytes_in_pipes() const;
  [[nodiscard]] std::size_t open_pipes() const { return pipes_.size(); }
  [[nodiscard]] std::size_t half_open_pipes() const;
  [[nodiscard]] std::size_t open_mappings() const { return mappings_.size(); }
  [[nodiscard]] std::uint64_t pipes_thrown_away() const { return thrown_away_; }

  ssize_t splice(int in, off64_t* off_in, int out, off64_t* off_out, std::size_t length) override;
  ssize_t vmsplice(int fd, const iovec* iov, std::size_t count, unsigned flags) override;
  ssize_t read(int fd, void* buffer, std::size_t length) override;
  ssize_t write(int fd, const void* buffer, std::size_t length) override;
  ssize_t pread(int fd, void* buffer, std::size_t length, std::uint64_t offset) override;
  ssize_t pwrite(int fd, const void* buffer, std::size_t length, std::uint64_t offset) override;
  int pipe(int fds[2]) override;
  int close(int fd) override;
  int set_pipe_size(int fd, int bytes) override;
  int get_pipe_size(int fd) override;
  void* map_read_only(std::size_t length) override;
  int unmap(void* address, std::size_t length) override;
  int discard(int fd, std::uint64_t offset, std::uint64_t length) override;
  int punch_hole(int fd, std::uint64_t offset, std::uint64_t length) override;
  int fsync(int fd) override;
  int fdatasync(int fd) override;
  int sync_file_range(int fd, std::uint64_t offset, std::uint64_t length) override;
  int wait_ms(int milliseconds) override;

 private:
  struct Slot {
    const std::byte* memory = nullptr;  // of the caller, or nullptr when the bytes are `own`
    std::vector<std::byte> own;
    std::size_t begin = 0;
    std::size_t length = 0;
    bool mergeable = false;
    [[nodiscard]] const std::byte* data() const { return (memory != nullptr ? memory : own.data()) + begin; }
  };
  struct Pipe {
    int ends[2] = {-1, -1};
    std::size_t slots = 16;
    std::deque<Slot> used;
    [[nodiscard]] std::size_t bytes() const;
  };

  Fault begin(Call call, Record record);
  ssize_t end(ssize_t result);
  ssize_t refuse(int error);
  ssize_t blocks_for_ever(const char* what);
  Pipe* pipe_of(int fd, int end);
  bool is_mapping(const void* address) const;
  ssize_t target_to_pipe(Pipe& pipe, std::uint64_t offset, std::size_t length);
  ssize_t pipe_to_target(Pipe& pipe, std::uint64_t offset, std::size_t length);
  ssize_t memory_to_pipe(Pipe& pipe, const iovec* iov, std::size_t count, std::size_t limit);
  std::size_t take(Pipe& pipe, std::byte* to, std::size_t length);
  ssize_t at_offset(Call call, int fd, std::uint64_t offset, std::size_t length,
                    const std::function<void(std::byte*, std::size_t)>& move);
  int plain(Call call, int fd, std::uint64_t offset, std::uint64_t length);

  std::array<std::size_t, kCalls> counts_{};
  std::map<std::pair<Call, std::size_t>, Fault> script_;
  std::map<Call, Fault> always_;
  std::vector<Record> records_;
  std::vector<Pipe> pipes_;
  std::map<void*, std::size_t> mappings_;
  int next_fd_ = 1000;
  std::uint64_t thrown_away_ = 0;
};

}  // namespace spliced::engine::test
