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

#include "spliced/engine/splice_engine.h"
#include "spliced/util/page_buffer.h"
#include "spliced/util/unique_fd.h"

namespace spliced::engine {
namespace {

struct PipeEnds {
  util::UniqueFd read_end;
  util::UniqueFd write_end;
};

PipeEnds open_pipe() {
  int fds[2] = {-1, -1};
  if (kernel().pipe(fds) != 0) return {};
  return {util::UniqueFd(fds[0]), util::UniqueFd(fds[1])};
}

std::size_t read_limit(const char* path) {
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path, "re"), &std::fclose);
  unsigned long long value = 0;
  return file && std::fscanf(file.get(), "%llu", &value) == 1 ? static_cast<std::size_t>(value) : 0;
}

PathProbe probe_read_path(ReadPath path, int file, const util::PageBuffer& buffer) {
  SpliceConfig config;
  config.fd = file;
  config.pinned = true;
  config.read_path = path;
  SpliceEngine engine(config, kernel(), util::system_clock(), std::stop_token());
  Transfer transfer;
  transfer.length = util::kPageSize;
  transfer.buffer = buffer.data();
  engine.run({&transfer, 1});
  return {transfer.outcome == Outcome::done, transfer.error};
}

// A page goes into a pipe, is changed, and comes out: which bytes?
void probe_aliasing(Capabilities& caps, const util::PageBuffer& buffer) {
  const PipeEnds pipe = open_pipe();
  const iovec iov{buffer.data(), util::kPageSize};
  buffer.data()[0] = std::byte{'a'};
  const ssize_t put = kernel().vmsplice(pipe.write_end.get(), &iov, 1, 0);
  caps.vmsplice_write = {put > 0, put > 0 ? 0 : errno};
  if (put <= 0) return;
  buffer.data()[0] = std::byte{'b'};
  std::byte out{};
  caps.vmsplice_aliases_pages = kernel().read(pipe.read_end.get(), &out, 1) == 1 && out == std::byte{'b'};
}

void probe_slots(Capabilities& caps, const util::PageBuffer& buffer) {
  const PipeEnds pipe = open_pipe();
  caps.default_pipe_bytes = static_cast<std::size_t>(std::max(0, kernel().get_pipe_size(pipe.write_end.get())));
  const iovec iov{buffer.data(), 1};
  pollfd writable{pipe.write_end.get(), POLLOUT, 0};
  // A call on a full pipe would block, so the pipe is asked first.
  while (caps.vmsplice_write.works && ::poll(&writable, 1, 0) == 1 && (writable.revents & POLLOUT) != 0) {
    if (kernel().vmsplice(pipe.write_end.get(), &iov, 1, 0) != 1) break;
    ++caps.one_byte_calls_to_fill;
  }
}

}  // namespace

Capabilities probe_capabilities() {
  Capabilities caps;
  utsname name{};
  ::uname(&name);
  caps.kernel_release = name.release;
  caps.pipe_max_size = read_limit("/proc/sys/fs/pipe-max-size");
  caps.pipe_user_pages_soft = read_limit("/proc/sys/fs/pipe-user-pages-soft");
  const PipeEnds pipe = open_pipe();
  if (caps.pipe_max_size > 0)
    kernel().set_pipe_size(pipe.write_end.get(), static_cast<int>(std::min<std::size_t>(caps.pipe_max_size, INT_MAX)));
  caps.largest_pipe_bytes = static_cast<std::size_t>(std::max(0, kernel().get_pipe_size(pipe.write_end.get())));

  const util::UniqueFd file(::memfd_create("spliced-probe", MFD_CLOEXEC));
  auto buffer = util::PageBuffer::allocate(util::kPageSize);
  if (!file || !buffer || ::ftruncate(file.get(), static_cast<off_t>(util::kPageSize)) != 0) return caps;
  for (std::size_t i = 0; i < caps.read_paths.size(); ++i) {
    caps.read_paths[i] = probe_read_path(static_cast<ReadPath>(i), file.get(), *buffer);
  }
  probe_aliasing(caps, *buffer);
  probe_slots(caps, *buffer);
  return caps;
}

}  // namespace spliced::engine
