// Runs a program under a seccomp filter that refuses one system call:
//   refuse_call CALL EPERM|ENOSYS PROGRAM [ARGUMENT...]
#include <seccomp.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

int main(int argc, char** argv) {
  const int call = argc < 4 ? __NR_SCMP_ERROR : seccomp_syscall_resolve_name(argv[1]);
  if (call == __NR_SCMP_ERROR) {
    std::fprintf(stderr, "usage: refuse_call CALL EPERM|ENOSYS PROGRAM [ARGUMENT...]\n");
    return 2;
  }
  const int error = std::strcmp(argv[2], "ENOSYS") == 0 ? ENOSYS : EPERM;
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
