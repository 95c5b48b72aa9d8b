#pragma once
#include "spliced/device/gate.h"

namespace spliced::device {

struct Resolved {
  TargetFacts facts;
  util::UniqueFd handle;  // O_PATH: names this very inode from now on, whatever happens to the path
};

// What `path` is, following symbolic links once; refusals of kind (directory, FIFO, …) go to `refusals`.
[[nodiscard]] util::Result<Resolved> resolve(const std::string& path, const HostView& host,
                                             std::vector<Refusal>& refusals);

// Opens what `handle` names, through /proc/thread-self/fd, since the thread may have a descriptor table of its own: the
// name that was resolved cannot be swapped for another.
[[nodiscard]] util::UniqueFd reopen(const util::UniqueFd& handle, int flags);

// Creates `path`, whose directory exists, with `bytes` allocated bytes, without following any symbolic link.
[[nodiscard]] util::Status create_file(const std::string& path, std::uint64_t bytes);

}  // namespace spliced::device
