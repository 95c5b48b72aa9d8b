// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>

#include "spliced/device/block_topology.h"
#include "spliced/device/system_calls.h"
#include "spliced/util/result.h"
#include "spliced/util/unique_fd.h"

namespace spliced::device {

// The place of a file that does not exist yet and, once it was created, the file: known by its inode, made and removed
// through the descriptor of its directory, so that no path that is swapped meanwhile leads elsewhere. The destructor
// removes what was created, unless keep() was called. Owned by one thread at a time.
class CreatedFile {
 public:
  CreatedFile() = default;
  // `directory` may be an O_PATH descriptor; `path` is where it was when it was judged.
  CreatedFile(util::UniqueFd directory, std::string path, std::string name);
  CreatedFile(CreatedFile&&) noexcept = default;
  CreatedFile& operator=(CreatedFile&& other) noexcept;
  ~CreatedFile() { remove(); }

  // Creates the file with `bytes`, allocated where the file system can do that at once. Does not write them one by one.
  // Errors: conflict when the name is taken or the directory is no longer where it was.
  [[nodiscard]] util::Status create(const SystemCalls& calls, std::uint64_t bytes);
  [[nodiscard]] bool exists() const { return static_cast<bool>(file_); }
  [[nodiscard]] const NodeId& id() const { return id_; }
  void keep() { file_.reset(); }
  void remove();

 private:
  [[nodiscard]] util::Status allocate(const SystemCalls& calls, std::uint64_t bytes) const;
  [[nodiscard]] std::string path() const;

  util::UniqueFd directory_;
  std::string directory_path_;
  std::string name_;
  util::UniqueFd file_;  // keeps the inode from being given to another file while it may have to be removed
  NodeId id_;
};

}  // namespace spliced::device
