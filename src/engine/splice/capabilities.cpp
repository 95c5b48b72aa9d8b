// SPDX-License-Identifier: Apache-2.0
#include "spliced/engine/capabilities.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/utsname.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <memory>

#include "splice_engine.h"
#include "spliced/util/page_buffer.h"
#include "spliced/util/unique_fd.h"

namespace spliced::engine {
namespace {

struct PipeEnds {
  util::UniqueFd read_end;
  util::UniqueFd write_end;
};

PipeEnds open_pipe(Syscalls& sys) {
  int fds[2] = {-1, -1};
  if (sys.pipe(fds) != 0) return {};
  return {util::UniqueFd(fds[0]), util::UniqueFd(fds[1])};
}

std::size_t read_limit(const char* path) {
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path, "re"), &std::fclose);
  unsigned long long value = 0;
  return file && std::fscanf(file.get(), "%llu", &value) == 1 ? static_cast<std::size_t>(value) : 0;
}

PathProbe probe_read_path(Syscalls& sys, ReadPath path, int file, const util::PageBuffer& buffer) {
  SpliceConfig config;
  config.fd = file;
  config.pinned = true;
  config.read_path = path;
  SpliceEngine engine(config, sys, util::system_clock(), std::stop_token());
  IoSlot slot;
  slot.length = util::kPageSize;
  slot.buffer = buffer.data();
  IoSlot* one = &slot;
  const bool ended = engine.submit({&one, 1}) == 1 && engine.reap({&one, 1}, 1, 0) == 1;
  return {ended && slot.outcome == Outcome::done, slot.error};
}

// A page goes into a pipe, is changed, and comes out: which bytes?
void probe_aliasing(Syscalls& sys, Capabilities& caps, const util::PageBuffer& buffer) {
  const PipeEnds pipe = open_pipe(sys);
  const iovec iov{buffer.data(), util::kPageSize};
  buffer.data()[0] = std::byte{'a'};
  const ssize_t put = sys.vmsplice(pipe.write_end.get(), &iov, 1, 0);
  caps.vmsplice_write = {put > 0, put > 0 ? 0 : errno};
  if (put <= 0) return;
  buffer.data()[0] = std::byte{'b'};
  std::byte out{};
  caps.vmsplice_aliases_pages = sys.read(pipe.read_end.get(), &out, 1) == 1 && out == std::byte{'b'};
}

bool is_full(const PipeEnds& pipe) {
  pollfd writable{pipe.write_end.get(), POLLOUT, 0};
  return ::poll(&writable, 1, 0) != 1 || (writable.revents & POLLOUT) == 0;
}

void probe_slots(Syscalls& sys, Capabilities& caps, const util::PageBuffer& buffer) {
  const PipeEnds pipe = open_pipe(sys);
  caps.default_pipe_bytes = static_cast<std::size_t>(std::max(0, sys.get_pipe_size(pipe.write_end.get())));
  const iovec iov{buffer.data(), 1};
  // A call on a full pipe would block, so the pipe is asked first.
  while (caps.vmsplice_write.works && !is_full(pipe)) {
    if (sys.vmsplice(pipe.write_end.get(), &iov, 1, 0) != 1) break;
    ++caps.one_byte_calls_to_fill;
  }
}

// A default pipe is offered one byte of each of a few pages in one call; then single bytes fill it up.
void probe_array(Syscalls& sys, Capabilities& caps) {
  const std::size_t slots = caps.one_byte_calls_to_fill;
  const std::size_t pages = std::min<std::size_t>(slots / 2, 8);
  auto memory = util::PageBuffer::allocate(std::max<std::size_t>(pages, 1) * util::kPageSize);
  if (pages == 0 || !memory) return;
  std::vector<iovec> parts;
  for (std::size_t i = 0; i < pages; ++i) parts.push_back({memory->data() + i * util::kPageSize, 1});
  const PipeEnds pipe = open_pipe(sys);
  if (sys.vmsplice(pipe.write_end.get(), parts.data(), parts.size(), 0) != static_cast<ssize_t>(pages)) return;
  std::size_t left = 0;
  while (!is_full(pipe) && left < slots && sys.vmsplice(pipe.write_end.get(), parts.data(), 1, 0) == 1) ++left;
  caps.array_slots_per_page = static_cast<double>(slots - left) / static_cast<double>(pages);
}

// A page goes into a pipe by reference and is taken out by vmsplice; then the first one is changed.
void probe_read_end(Syscalls& sys, Capabilities& caps, const util::PageBuffer& buffer) {
  auto out = util::PageBuffer::allocate(util::kPageSize);
  if (!out) return;
  const PipeEnds pipe = open_pipe(sys);
  const iovec from{buffer.data(), util::kPageSize};
  const iovec into{out->data(), util::kPageSize};
  buffer.data()[0] = std::byte{'a'};
  if (sys.vmsplice(pipe.write_end.get(), &from, 1, 0) <= 0) return;
  if (sys.vmsplice(pipe.read_end.get(), &into, 1, 0) <= 0) return;
  buffer.data()[0] = std::byte{'b'};
  caps.vmsplice_read_copies = out->data()[0] == std::byte{'a'};
}

void probe_pipe_sizes(Syscalls& sys, Capabilities& caps) {
  for (std::size_t asked = util::kPageSize; asked <= caps.pipe_max_size; asked *= 4) {
    const PipeEnds pipe = open_pipe(sys);
    sys.set_pipe_size(pipe.write_end.get(), static_cast<int>(std::min<std::size_t>(asked, INT_MAX)));
    const int obtained = sys.get_pipe_size(pipe.write_end.get());
    caps.pipe_sizes.emplace_back(asked, static_cast<std::size_t>(std::max(0, obtained)));
    if (asked > INT_MAX / 4) break;
  }
}

// In words, for whoever has to choose an engine on this kernel. The thread of June 2026 on linux-kernel, "vmsplice:
// make vmsplice a trivial wrapper for preadv2/pwritev2", is where the call becomes a copy.
void advise(Capabilities& caps) {
  const bool reads = caps.read_paths[static_cast<std::size_t>(ReadPath::copy)].works ||
                     caps.read_paths[static_cast<std::size_t>(ReadPath::read)].works;
  if (!reads) {
    caps.preferred_engine = "psync";
    caps.advice =
        "splice(2) does not work here, as under a filter of system calls: the splice engine cannot run. psync needs "
        "pread(2) and pwrite(2) alone.";
  } else if (!caps.vmsplice_write.works) {
    caps.preferred_engine = "psync";
    caps.advice =
        "vmsplice(2) is refused: what is written is copied into the pipe by write(2), right and slower. psync copies "
        "as often and needs half of the calls.";
  } else if (caps.vmsplice_aliases_pages) {
    caps.preferred_engine = "splice";
    caps.advice =
        "vmsplice(2) hands over pages without a copy: writing by splice costs what pwrite(2) costs, or less. Reading "
        "copies once more than pread(2) does: psync is faster where a device is as fast as memory.";
  } else {
    caps.preferred_engine = "psync";
    caps.advice =
        "vmsplice(2) copies on this kernel, as pwritev2(2) into a pipe does: the splice engine is right, and pays a "
        "copy "
        "of every byte that psync does not.";
  }
}

}  // namespace

std::uint64_t pipe_budget() {
  return read_limit("/proc/sys/fs/pipe-user-pages-soft") * util::kPageSize;
}

std::uint64_t largest_pipe() {
  return read_limit("/proc/sys/fs/pipe-max-size");
}

Capabilities probe_capabilities(Syscalls& sys) {
  Capabilities caps;
  utsname name{};
  ::uname(&name);
  caps.kernel_release = name.release;
  caps.pipe_max_size = largest_pipe();
  caps.pipe_user_pages_soft = read_limit("/proc/sys/fs/pipe-user-pages-soft");
  const PipeEnds pipe = open_pipe(sys);
  if (caps.pipe_max_size > 0)
    sys.set_pipe_size(pipe.write_end.get(), static_cast<int>(std::min<std::size_t>(caps.pipe_max_size, INT_MAX)));
  caps.largest_pipe_bytes = static_cast<std::size_t>(std::max(0, sys.get_pipe_size(pipe.write_end.get())));

  const util::UniqueFd file(::memfd_create("spliced-probe", MFD_CLOEXEC));
  auto buffer = util::PageBuffer::allocate(util::kPageSize);
  if (!file || !buffer || ::ftruncate(file.get(), static_cast<off_t>(util::kPageSize)) != 0) return caps;
  for (std::size_t i = 0; i < caps.read_paths.size(); ++i) {
    caps.read_paths[i] = probe_read_path(sys, static_cast<ReadPath>(i), file.get(), *buffer);
  }
  probe_aliasing(sys, caps, *buffer);
  probe_slots(sys, caps, *buffer);
  probe_array(sys, caps);
  probe_read_end(sys, caps, *buffer);
  probe_pipe_sizes(sys, caps);
  advise(caps);
  return caps;
}

}  // namespace spliced::engine
