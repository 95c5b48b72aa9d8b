// SPDX-License-Identifier: Apache-2.0
// What this kernel does with splice and vmsplice, found out by trying.
#pragma once
#include <array>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "spliced/engine/options.h"
#include "spliced/engine/syscalls.h"

namespace spliced::engine {

struct PathProbe {
  bool works = false;
  int error = 0;  // errno when it does not
};

struct Capabilities {
  std::string kernel_release;           // uname -r
  std::array<PathProbe, 4> read_paths;  // by ReadPath
  PathProbe vmsplice_write;             // memory → pipe
  std::size_t default_pipe_bytes = 0;   // of a new pipe
  std::size_t largest_pipe_bytes = 0;   // what F_SETPIPE_SZ granted when asked for pipe-max-size
  std::vector<std::pair<std::size_t, std::size_t>> pipe_sizes;  // bytes asked for and obtained
  std::size_t pipe_max_size = 0;                                // /proc/sys/fs/pipe-max-size
  std::size_t pipe_user_pages_soft = 0;                         // /proc/sys/fs/pipe-user-pages-soft
  bool vmsplice_aliases_pages = false;                          // bytes changed after vmsplice come out changed
  bool vmsplice_read_copies = false;       // bytes taken out by vmsplice are a copy, as with read(2)
  std::size_t one_byte_calls_to_fill = 0;  // one-byte vmsplice calls until a default pipe is full
  double array_slots_per_page = 0;         // slots that one call with an array of buffers takes for each page
  std::string preferred_engine;            // name of a kind of engine
  std::string advice;                      // why, in words
};

// Blocks for a few milliseconds; uses a memory file, never a device. Thread-safe.
[[nodiscard]] Capabilities probe_capabilities(Syscalls& sys = kernel());

// Bytes that the pipes of one user may have together before new ones are made small (pipe(7), pipe-user-pages-soft);
// 0: no limit.
[[nodiscard]] std::uint64_t pipe_budget();
// Bytes that one pipe of an unprivileged user may have (pipe(7), pipe-max-size).
[[nodiscard]] std::uint64_t largest_pipe();

}  // namespace spliced::engine
