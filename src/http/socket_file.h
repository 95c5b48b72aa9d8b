// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "spliced/util/clock.h"
#include "spliced/util/log.h"
#include "spliced/util/result.h"
#include "spliced/util/unique_fd.h"

namespace spliced::http {

struct SocketAccess {
  std::string group;     // mode 0660, and the group of that name; "" leaves it as it is
  bool for_all = false;  // mode 0666: whoever connects is asked who they are
};

// A Unix socket in the file system, from its directory's point of view: the directory is opened once, and whatever
// becomes of the names above it, the socket is made, given away and removed in that directory and nowhere else. Needs
// /proc. Belongs to one thread at a time.
class SocketFile {
 public:
  // Binds and listens with `backlog`. A group that is missing, or not this process's to give to, is said in the log.
  // Replaces a socket that nobody listens on. Errors: conflict for one that somebody listens on and for what is no
  // socket; system. Waits up to 2 s for another process that does the same at this moment.
  [[nodiscard]] static util::Result<SocketFile> open(const std::string& path, const SocketAccess& access, int backlog,
                                                     util::Logger& log);
  SocketFile(SocketFile&&) = default;
  SocketFile& operator=(SocketFile&&) = default;

  // Non-blocking, and the caller's from now on.
  [[nodiscard]] util::UniqueFd take_listening() { return std::move(listening_); }
  // Removes the socket, unless the name leads to another one by now. Idempotent.
  void remove();

 private:
  SocketFile() = default;
  [[nodiscard]] util::Status open_directory();
  [[nodiscard]] util::UniqueFd lock(util::Nanos limit) const;
  void unlock(util::UniqueFd lock) const;
  [[nodiscard]] util::Status remove_stale() const;
  [[nodiscard]] util::Status bind(int backlog, const SocketAccess& access, util::Logger& log);
  [[nodiscard]] util::Status hold();
  [[nodiscard]] util::Status give_to(const SocketAccess& access, util::Logger& log) const;
  [[nodiscard]] bool is_at_name(const util::UniqueFd& node) const;

  std::string path_;  // for messages
  std::string name_;  // in the directory
  util::UniqueFd directory_;
  util::UniqueFd listening_;
  util::UniqueFd node_;  // the socket's inode: as long as it is held, no other one gets its number
};

}  // namespace spliced::http
