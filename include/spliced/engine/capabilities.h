// What this kernel does with splice and vmsplice, found out by trying.
#pragma once
#include <array>
#include <cstddef>
#include <string>

#include "spliced/engine/counters.h"

namespace spliced::engine {

struct PathProbe {
  bool works = false;
  int error = 0;  // errno when it does not
};

struct Capabilities {
  std::string kernel_release;              // uname -r
  std::array<PathProbe, 4> read_paths;     // by ReadPath
  PathProbe vmsplice_write;                // memory → pipe
  std::size_t default_pipe_bytes = 0;      // of a new pipe
  std::size_t largest_pipe_bytes = 0;      // what F_SETPIPE_SZ granted when asked for pipe-max-size
  std::size_t pipe_max_size = 0;           // /proc/sys/fs/pipe-max-size
  std::size_t pipe_user_pages_soft = 0;    // /proc/sys/fs/pipe-user-pages-soft
  bool vmsplice_aliases_pages = false;     // bytes changed after vmsplice come out changed
  std::size_t one_byte_calls_to_fill = 0;  // one-byte vmsplice calls until a default pipe is full
};

// Blocks for a few milliseconds; uses a memory file, never a device. Thread-safe.
[[nodiscard]] Capabilities probe_capabilities();

}  // namespace spliced::engine
