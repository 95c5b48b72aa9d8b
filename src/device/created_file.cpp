// SPDX-License-Identifier: Apache-2.0
#include "spliced/device/created_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "open_path.h"
#include "opening.h"

namespace spliced::device {

using util::UniqueFd;

CreatedFile::CreatedFile(UniqueFd directory, std::string path, std::string name)
    : directory_(std::move(directory)), directory_path_(std::move(path)), name_(std::move(name)) {}

CreatedFile& CreatedFile::operator=(CreatedFile&& other) noexcept {
  if (this == &other) return *this;
  remove();
  directory_ = std::move(other.directory_);
  directory_path_ = std::move(other.directory_path_);
  name_ = std::move(other.name_);
  file_ = std::move(other.file_);
  id_ = other.id_;
  return *this;
}

std::string CreatedFile::path() const {
  return join(directory_path_, name_);
}

util::Status CreatedFile::create(const SystemCalls& calls, std::uint64_t bytes) {
  // A directory that was moved after it had been judged may be anywhere by now.
  if (path_of(directory_) != directory_path_) {
    return util::refuse(util::Reason::changed,
                        fmt::format("{} was moved while {} was to be created in it", directory_path_, name_));
  }
  UniqueFd file(
      ::openat(directory_.get(), name_.c_str(), O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file) {
    if (errno == EEXIST)
      return util::refuse(util::Reason::changed, fmt::format("{} was created by another meanwhile", path()), EEXIST);
    return util::refuse(reason_of_create(errno), fmt::format("{} {}", path(), cannot_be_created(errno)), errno);
  }
  struct stat st {};
  if (::fstat(file.get(), &st) != 0) return util::fail_errno(fmt::format("fstat {}", path()), errno);
  id_ = {false, st.st_dev, st.st_ino};
  file_ = std::move(file);
  auto status = allocate(calls, bytes);
  if (!status) remove();
  return status;
}

// posix_fallocate(3) would write a byte to each block where the file system has no fallocate(2), for minutes.
util::Status CreatedFile::allocate(const SystemCalls& calls, std::uint64_t bytes) const {
  int error = calls.allocate(file_.get(), bytes);
  if (error == EOPNOTSUPP || error == ENOSYS) {
    error = ::ftruncate(file_.get(), static_cast<off_t>(bytes)) == 0 ? 0 : errno;
  }
  if (error == 0) return {};
  return util::refuse(reason_of_create(error), fmt::format("{} {} ({} bytes)", path(), cannot_be_created(error), bytes),
                      error);
}

void CreatedFile::remove() {
  if (!file_) return;
  struct stat st {};
  const bool same = ::fstatat(directory_.get(), name_.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                    id_ == NodeId{false, st.st_dev, st.st_ino};
  if (same) ::unlinkat(directory_.get(), name_.c_str(), 0);
  file_.reset();
}

}  // namespace spliced::device
