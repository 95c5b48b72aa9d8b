#pragma once
#include <string>

#include "spliced/util/clock.h"
#include "spliced/util/unique_fd.h"

namespace spliced::http {

// One accepted socket, with a deadline over all reads of a request: a client that sends a byte now and then gets no
// more time than any other. Belongs to one thread.
class Connection {
 public:
  // `stop_fd` becomes readable when the server stops; it ends every wait.
  Connection(int fd, int stop_fd) : fd_(fd), stop_fd_(stop_fd) {}

  // Up to `size` bytes; 0 at the end of the stream, -1 on error, deadline or stop.
  [[nodiscard]] long read(char* data, std::size_t size, util::Nanos deadline);
  // All of it, or false.
  [[nodiscard]] bool write(const char* data, std::size_t size, util::Nanos deadline);
  [[nodiscard]] bool write(const std::string& text, util::Nanos deadline) {
    return write(text.data(), text.size(), deadline);
  }
  // Tells the peer that nothing more comes and reads what it still sends, for a short time and a bounded amount: closed
  // with unread bytes, the socket would be reset and the answer lost on its way.
  void linger();
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  [[nodiscard]] bool wait_for(short events, util::Nanos deadline) const;

  util::UniqueFd fd_;
  int stop_fd_;
};

}  // namespace spliced::http
