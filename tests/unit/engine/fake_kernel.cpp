// SPDX-License-Identifier: Apache-2.0
#include "fake_kernel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "noise.h"

namespace spliced::engine::test {
namespace {

constexpr std::size_t kMaxCalls = 1'000'000;  // no test comes near it

bool is_dev_null(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
}

std::size_t to_page_end(std::uintptr_t address) {
  return kPage - address % kPage;
}

}  // namespace

FakeKernel::FakeKernel(std::size_t target_bytes) : target(target_bytes) {
  fill(target, 1);
  records_.reserve(1024);
}

FakeKernel::~FakeKernel() {
  EXPECT_EQ(pipes_.size(), 0U) << "a pipe was left open";
  EXPECT_EQ(mappings_.size(), 0U) << "a mapping was left behind";
  for (const auto& [address, length] : mappings_) ::munmap(address, length);
}

std::size_t FakeKernel::Pipe::bytes() const {
  std::size_t sum = 0;
  for (const Slot& slot : used) sum += slot.length;
  return sum;
}

void FakeKernel::on(Call call, std::size_t nth, Fault fault) {
  script_[{call, nth}] = std::move(fault);
}
void FakeKernel::always(Call call, Fault fault) {
  always_[call] = std::move(fault);
}
void FakeKernel::never(Call call) {
  always_.erase(call);
}

std::vector<Record> FakeKernel::records(Call call) const {
  std::vector<Record> found;
  std::copy_if(records_.begin(), records_.end(), std::back_inserter(found),
               [call](const Record& record) { return record.call == call; });
  return found;
}

// The numbering of calls starts again at 1.
void FakeKernel::forget_calls() {
  records_.clear();
  counts_ = {};
  script_.clear();
}

std::size_t FakeKernel::bytes_in_pipes() const {
  std::size_t sum = 0;
  for (const Pipe& pipe : pipes_) sum += pipe.bytes();
  return sum;
}

std::size_t FakeKernel::half_open_pipes() const {
  return static_cast<std::size_t>(std::count_if(pipes_.begin(), pipes_.end(),
                                                [](const Pipe& pipe) { return pipe.ends[0] < 0 || pipe.ends[1] < 0; }));
}

Fault FakeKernel::begin(Call call, Record record) {
  const std::size_t nth = ++counts_[static_cast<std::size_t>(call)];
  record.call = call;
  records_.push_back(record);
  if (records_.size() > kMaxCalls) {
    std::fputs("fake kernel: the engine spins\n", stderr);
    std::abort();
  }
  Fault fault;
  if (const auto own = script_.find({call, nth}); own != script_.end()) {
    fault = own->second;
  } else if (const auto every = always_.find(call); every != always_.end()) {
    fault = every->second;
  } else if (chaos) {
    fault = chaos(call);
  }
  if (fault.action) fault.action();
  return fault;
}

ssize_t FakeKernel::end(ssize_t result) {
  records_.back().result = result;
  return result;
}

ssize_t FakeKernel::refuse(int error) {
  errno = error;
  return end(-1);
}

ssize_t FakeKernel::blocks_for_ever(const char* what) {
  ADD_FAILURE() << "would block for ever: " << what;
  return refuse(EDEADLK);
}

FakeKernel::Pipe* FakeKernel::pipe_of(int fd, int end) {
  const auto found =
      std::find_if(pipes_.begin(), pipes_.end(), [&](const Pipe& pipe) { return fd >= 0 && pipe.ends[end] == fd; });
  return found == pipes_.end() ? nullptr : &*found;
}

bool FakeKernel::is_mapping(const void* address) const {
  const auto* wanted = static_cast<const std::byte*>(address);
  return std::any_of(mappings_.begin(), mappings_.end(), [wanted](const auto& mapping) {
    const auto* begin = static_cast<const std::byte*>(mapping.first);
    return wanted >= begin && wanted < begin + mapping.second;
  });
}

ssize_t FakeKernel::splice(int in, off64_t* off_in, int out, off64_t* off_out, std::size_t length) {
  const bool reads_target = in == kTargetFd;
  const Call call = reads_target ? Call::target_to_pipe : out == kTargetFd ? Call::pipe_to_target : Call::pipe_to_sink;
  const off64_t* offset = reads_target ? off_in : off_out;
  const std::uint64_t at = offset != nullptr ? static_cast<std::uint64_t>(*offset) : 0;
  const Fault fault = begin(call, {call, reads_target ? in : out, at, length, 0, 0});
  if (fault.error != 0) return refuse(fault.error);
  Pipe* pipe = reads_target ? pipe_of(out, 1) : pipe_of(in, 0);
  if (pipe == nullptr) {
    ADD_FAILURE() << "splice between " << in << " and " << out << ": no such pipe";
    return refuse(EBADF);
  }
  if ((reads_target ? off_out : off_in) != nullptr) return refuse(ESPIPE);
  length = std::min(length, fault.limit);
  if (call == Call::pipe_to_sink) {
    if (!is_dev_null(out)) return refuse(EBADF);
    if (pipe->used.empty()) return blocks_for_ever("splice from an empty pipe");
    return end(static_cast<ssize_t>(take(*pipe, nullptr, length)));
  }
  if (offset == nullptr) {
    ADD_FAILURE() << "the file position of the target was used";
    return refuse(EINVAL);
  }
  const ssize_t moved = reads_target ? target_to_pipe(*pipe, at, length) : pipe_to_target(*pipe, at, length);
  if (moved > 0) *(reads_target ? off_in : off_out) += moved;
  return moved;
}

// As from the page cache: a slot for each page of the target.
ssize_t FakeKernel::target_to_pipe(Pipe& pipe, std::uint64_t offset, std::size_t length) {
  if (offset >= target.size() || length == 0) return end(0);
  if (pipe.used.size() >= pipe.slots) return blocks_for_ever("splice into a full pipe");
  length = std::min(length, target.size() - offset);
  std::size_t moved = 0;
  while (moved < length && pipe.used.size() < pipe.slots) {
    const std::size_t bytes = std::min(length - moved, to_page_end(offset + moved));
    Slot slot;
    const auto* from = target.data() + offset + moved;
    slot.own.assign(from, from + bytes);
    slot.length = bytes;
    pipe.used.push_back(std::move(slot));
    moved += bytes;
  }
  return end(static_cast<ssize_t>(moved));
}

ssize_t FakeKernel::pipe_to_target(Pipe& pipe, std::uint64_t offset, std::size_t length) {
  if (pipe.used.empty()) return blocks_for_ever("splice from an empty pipe");
  if (offset >= target.size()) return end_error != 0 ? refuse(end_error) : end(0);
  length = std::min<std::size_t>(length, target.size() - offset);
  return end(static_cast<ssize_t>(take(pipe, target.data() + offset, length)));
}

// Takes bytes out, and away when `to` is nullptr.
std::size_t FakeKernel::take(Pipe& pipe, std::byte* to, std::size_t length) {
  std::size_t moved = 0;
  while (moved < length && !pipe.used.empty()) {
    Slot& slot = pipe.used.front();
    const std::size_t bytes = std::min(length - moved, slot.length);
    if (to != nullptr) std::memcpy(to + moved, slot.data(), bytes);
    slot.begin += bytes;
    slot.length -= bytes;
    moved += bytes;
    if (slot.length == 0) pipe.used.pop_front();
  }
  return moved;
}

ssize_t FakeKernel::vmsplice(int fd, const iovec* iov, std::size_t count, unsigned flags) {
  Pipe* source = pipe_of(fd, 0);
  const Call call = source != nullptr ? Call::pipe_to_memory : Call::memory_to_pipe;
  std::size_t length = 0;
  for (std::size_t i = 0; i < count; ++i) length += iov[i].iov_len;
  const Fault fault = begin(call, {call, fd, 0, length, flags, 0});
  if (fault.error != 0) return refuse(fault.error);
  if (vmsplice_copies && (flags & (SPLICE_F_GIFT | SPLICE_F_NONBLOCK)) != 0) return refuse(EOPNOTSUPP);
  if (source != nullptr) {
    if (source->used.empty()) return blocks_for_ever("vmsplice from an empty pipe");
    if (is_mapping(iov[0].iov_base) && !map_works) return refuse(EFAULT);
    std::size_t taken = 0;
    for (std::size_t i = 0; i < count && taken < fault.limit && !source->used.empty(); ++i) {
      const std::size_t wanted = std::min(iov[i].iov_len, fault.limit - taken);
      taken += take(*source, static_cast<std::byte*>(iov[i].iov_base), wanted);
    }
    return end(static_cast<ssize_t>(taken));
  }
  Pipe* sink = pipe_of(fd, 1);
  if (sink == nullptr) {
    ADD_FAILURE() << "vmsplice on " << fd << ": no such pipe";
    return refuse(EBADF);
  }
  return memory_to_pipe(*sink, iov, count, fault.limit);
}

ssize_t FakeKernel::memory_to_pipe(Pipe& pipe, const iovec* iov, std::size_t count, std::size_t limit) {
  if (pipe.used.size() >= pipe.slots) return blocks_for_ever("vmsplice into a full pipe");
  std::size_t moved = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto* from = static_cast<const std::byte*>(iov[i].iov_base);
    for (std::size_t done = 0; done < iov[i].iov_len && moved < limit && pipe.used.size() < pipe.slots;) {
      std::size_t bytes = std::min(iov[i].iov_len - done, to_page_end(reinterpret_cast<std::uintptr_t>(from + done)));
      if (short_at_any_byte) bytes = std::min(bytes, limit - moved);
      Slot slot;
      slot.length = bytes;
      if (vmsplice_copies) {
        slot.own.assign(from + done, from + done + bytes);
      } else {
        slot.memory = from + done;
      }
      pipe.used.push_back(std::move(slot));
      done += bytes;
      moved += bytes;
    }
  }
  return end(static_cast<ssize_t>(moved));
}

ssize_t FakeKernel::read(int fd, void* buffer, std::size_t length) {
  const Fault fault = begin(Call::read, {Call::read, fd, 0, length, 0, 0});
  if (fault.error != 0) return refuse(fault.error);
  Pipe* pipe = pipe_of(fd, 0);
  if (pipe == nullptr) return refuse(EBADF);
  if (pipe->used.empty()) return blocks_for_ever("read from an empty pipe");
  return end(static_cast<ssize_t>(take(*pipe, static_cast<std::byte*>(buffer), std::min(length, fault.limit))));
}

// The odd bytes go to the last page where they fit, then page by page, as pipe_write() does it.
ssize_t FakeKernel::write(int fd, const void* buffer, std::size_t length) {
  const Fault fault = begin(Call::write, {Call::write, fd, 0, length, 0, 0});
  if (fault.error != 0) return refuse(fault.error);
  Pipe* pipe = pipe_of(fd, 1);
  if (pipe == nullptr) return refuse(EBADF);
  const auto* from = static_cast<const std::byte*>(buffer);
  length = std::min(length, fault.limit);
  std::size_t moved = 0;
  if (const std::size_t odd = length % kPage; odd != 0 && !pipe->used.empty()) {
    Slot& last = pipe->used.back();
    if (last.mergeable && last.begin + last.length + odd <= kPage) {
      last.own.insert(last.own.end(), from, from + odd);
      last.length += odd;
      moved = odd;
    }
  }
  while (moved < length) {
    if (pipe->used.size() >= pipe->slots) return blocks_for_ever("write into a full pipe");
    Slot slot;
    slot.length = std::min(length - moved, kPage);
    slot.own.assign(from + moved, from + moved + slot.length);
    slot.mergeable = true;
    moved += slot.length;
    pipe->used.push_back(std::move(slot));
  }
  return end(static_cast<ssize_t>(moved));
}

ssize_t FakeKernel::pread(int fd, void* buffer, std::size_t length, std::uint64_t offset) {
  return at_offset(Call::pread, fd, offset, length, [&](std::byte* at, std::size_t n) { std::memcpy(buffer, at, n); });
}
ssize_t FakeKernel::pwrite(int fd, const void* buffer, std::size_t length, std::uint64_t offset) {
  return at_offset(Call::pwrite, fd, offset, length, [&](std::byte* at, std::size_t n) { std::memcpy(at, buffer, n); });
}

ssize_t FakeKernel::at_offset(Call call, int fd, std::uint64_t offset, std::size_t length,
                              const std::function<void(std::byte*, std::size_t)>& move) {
  const Fault fault = begin(call, {call, fd, offset, length, 0, 0});
  if (fault.error != 0 || fd != kTargetFd) return refuse(fault.error != 0 ? fault.error : EBADF);
  if (offset >= target.size()) return call == Call::pwrite && end_error != 0 ? refuse(end_error) : end(0);
  length = std::min({length, fault.limit, target.size() - static_cast<std::size_t>(offset)});
  move(target.data() + offset, length);
  return end(static_cast<ssize_t>(length));
}

int FakeKernel::pipe(int fds[2]) {
  const Fault fault = begin(Call::pipe, {});
  if (fault.error != 0) return static_cast<int>(refuse(fault.error));
  Pipe made;
  made.slots = default_slots;
  for (int end = 0; end < 2; ++end) fds[end] = made.ends[end] = next_fd_++;
  pipes_.push_back(std::move(made));
  return 0;
}

int FakeKernel::close(int fd) {
  begin(Call::close, {Call::close, fd, 0, 0, 0, 0});
  for (auto pipe = pipes_.begin(); pipe != pipes_.end(); ++pipe) {
    for (int& end : pipe->ends) {
      if (end != fd) continue;
      end = -1;
      if (pipe->ends[0] < 0 && pipe->ends[1] < 0) {
        pipes_.erase(pipe);
        ++thrown_away_;
      }
      return 0;
    }
  }
  ADD_FAILURE() << "close of " << fd << ", which is not open or not the engine's";
  return static_cast<int>(refuse(EBADF));
}

int FakeKernel::set_pipe_size(int fd, int bytes) {
  const Fault fault = begin(Call::set_pipe_size, {Call::set_pipe_size, fd, 0, static_cast<unsigned>(bytes), 0, 0});
  if (fault.error != 0) return static_cast<int>(refuse(fault.error));
  Pipe* pipe = pipe_of(fd, 1);
  if (pipe == nullptr) return static_cast<int>(refuse(EBADF));
  const std::size_t pages = std::bit_ceil((static_cast<std::size_t>(bytes) + kPage - 1) / kPage);
  if (pages > pipe->slots && pages * kPage > max_pipe_bytes) return static_cast<int>(refuse(EPERM));
  if (pages < pipe->used.size()) return static_cast<int>(refuse(EBUSY));
  pipe->slots = pages;
  return static_cast<int>(end(static_cast<ssize_t>(pages * kPage)));
}

int FakeKernel::get_pipe_size(int fd) {
  const Fault fault = begin(Call::get_pipe_size, {Call::get_pipe_size, fd, 0, 0, 0, 0});
  if (fault.error != 0) return static_cast<int>(refuse(fault.error));
  Pipe* pipe = pipe_of(fd, 1);
  return pipe == nullptr ? static_cast<int>(refuse(EBADF)) : static_cast<int>(pipe->slots * kPage);
}

void* FakeKernel::map_read_only(std::size_t length) {
  const Fault fault = begin(Call::map, {Call::map, -1, 0, length, 0, 0});
  if (fault.error != 0) {
    refuse(fault.error);
    return MAP_FAILED;
  }
  void* address = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address != MAP_FAILED) mappings_[address] = length;
  return address;
}

int FakeKernel::unmap(void* address, std::size_t length) {
  begin(Call::unmap, {Call::unmap, -1, 0, length, 0, 0});
  const auto found = mappings_.find(address);
  if (found == mappings_.end() || found->second != length) {
    ADD_FAILURE() << "unmap of " << address << ", " << length << " bytes: no such mapping";
    return static_cast<int>(refuse(EINVAL));
  }
  mappings_.erase(found);
  return ::munmap(address, length);
}

int FakeKernel::plain(Call call, int fd, std::uint64_t offset, std::uint64_t length) {
  const Fault fault = begin(call, {call, fd, offset, length, 0, 0});
  return fault.error != 0 ? static_cast<int>(refuse(fault.error)) : 0;
}

int FakeKernel::discard(int fd, std::uint64_t offset, std::uint64_t length) {
  return plain(Call::discard, fd, offset, length);
}
int FakeKernel::punch_hole(int fd, std::uint64_t offset, std::uint64_t length) {
  return plain(Call::punch_hole, fd, offset, length);
}
int FakeKernel::fsync(int fd) {
  return plain(Call::fsync, fd, 0, 0);
}
int FakeKernel::fdatasync(int fd) {
  return plain(Call::fdatasync, fd, 0, 0);
}
int FakeKernel::sync_file_range(int fd, std::uint64_t offset, std::uint64_t length) {
  return plain(Call::sync_file_range, fd, offset, length);
}
int FakeKernel::wait_ms(int milliseconds) {
  return plain(Call::wait, -1, 0, static_cast<std::uint64_t>(milliseconds));
}

}  // namespace spliced::engine::test
