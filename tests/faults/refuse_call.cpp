// SPDX-License-Identifier: Apache-2.0
// Runs a program under a seccomp filter that refuses one system call:
//   refuse_call CALL ERRNO PROGRAM [ARGUMENT...]      ERRNO is a name, as in errno(3)
#include <seccomp.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace {

// 0: there is none of that name.
int errno_of(const char* name) {
  for (int error = 1; error < 134; ++error) {
    const char* known = ::strerrorname_np(error);
    if (known != nullptr && std::strcmp(known, name) == 0) return error;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const int call = argc < 4 ? __NR_SCMP_ERROR : seccomp_syscall_resolve_name(argv[1]);
  const int error = argc < 4 ? 0 : errno_of(argv[2]);
  if (call == __NR_SCMP_ERROR || error == 0) {
    std::fprintf(stderr, "usage: refuse_call CALL ERRNO PROGRAM [ARGUMENT...]\n");
    return 2;
  }
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (filter == nullptr || seccomp_rule_add(filter, SCMP_ACT_ERRNO(static_cast<unsigned>(error)), call, 0) != 0 ||
      seccomp_load(filter) != 0) {
    std::perror("seccomp");
    return 1;
  }
  ::execv(argv[3], argv + 3);
  std::perror(argv[3]);
  return 1;
}
