// Runs a program under a seccomp filter that refuses vmsplice:  refuse_vmsplice EPERM|ENOSYS PROGRAM [ARGUMENT...]
#include <seccomp.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: refuse_vmsplice EPERM|ENOSYS PROGRAM [ARGUMENT...]\n");
    return 2;
  }
  const int error = std::strcmp(argv[1], "ENOSYS") == 0 ? ENOSYS : EPERM;
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (filter == nullptr ||
      seccomp_rule_add(filter, SCMP_ACT_ERRNO(static_cast<unsigned>(error)), SCMP_SYS(vmsplice), 0) != 0 ||
      seccomp_load(filter) != 0) {
    std::perror("seccomp");
    return 1;
  }
  ::execv(argv[2], argv + 2);
  std::perror(argv[2]);
  return 1;
}
