// SPDX-License-Identifier: Apache-2.0
#include "read_text.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

#include "spliced/util/unique_fd.h"

namespace spliced::device {

util::Result<std::string> read_text(const std::string& path) {
  const util::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return util::fail_errno(path, errno);
  std::string text;
  std::array<char, 4096> part{};
  for (;;) {
    const ssize_t got = ::read(fd.get(), part.data(), part.size());
    if (got == 0) return text;
    if (got > 0) {
      text.append(part.data(), static_cast<std::size_t>(got));
    } else if (errno != EINTR) {
      return util::fail_errno(path, errno);
    }
  }
}

std::string read_line(const std::string& path) {
  const auto text = read_text(path);
  if (!text) return "";
  std::string line = text->substr(0, text->find('\n'));
  while (!line.empty() && (line.back() == ' ' || line.back() == '\0')) line.pop_back();
  return line;
}

util::Result<std::vector<std::string>> read_names(const std::string& directory) {
  struct Close {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  const std::unique_ptr<DIR, Close> dir(::opendir(directory.c_str()));
  if (!dir) return util::fail_errno(directory, errno);
  std::vector<std::string> names;
  for (errno = 0; const dirent* entry = ::readdir(dir.get()); errno = 0) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  if (errno != 0) return util::fail_errno(directory, errno);
  return names;
}

std::string cannot_read(const util::Error& error) {
  return fmt::format("cannot read {}", error.message);
}

}  // namespace spliced::device
