// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <fcntl.h>
#include <sys/uio.h>

#include <cerrno>

#include "unit/engine/forwarding_syscalls.h"

namespace spliced::engine::contract {

using test::ForwardingSyscalls;

// The real kernel as developers are making it since June 2026 ("vmsplice: make vmsplice a trivial wrapper for
// preadv2/pwritev2", linux-kernel): vmsplice is a copy, and refuses SPLICE_F_GIFT and SPLICE_F_NONBLOCK. That splice
// from a file copies, too, does not show.
class KernelOfTomorrow final : public ForwardingSyscalls {
 public:
  ssize_t vmsplice(int fd, const iovec* iov, std::size_t count, unsigned flags) override {
    if ((flags & (SPLICE_F_GIFT | SPLICE_F_NONBLOCK)) != 0) {
      errno = EOPNOTSUPP;
      return -1;
    }
    const bool into_pipe = (::fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY;
    return into_pipe ? ::pwritev2(fd, iov, static_cast<int>(count), -1, 0)
                     : ::preadv2(fd, iov, static_cast<int>(count), -1, 0);
  }
};

}  // namespace spliced::engine::contract
