// SPDX-License-Identifier: Apache-2.0
#include "spliced/device/system_calls.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "signature.h"

namespace spliced::device {
namespace {

int call_openat2(const char* path, std::uint64_t flags) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS;
  return static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
}

int call_fallocate(int fd, std::uint64_t bytes) {
  while (::fallocate(fd, 0, 0, static_cast<off_t>(bytes)) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

}  // namespace

SystemCalls kernel_calls() {
  return {call_openat2, call_fallocate, find_signatures};
}

}  // namespace spliced::device
