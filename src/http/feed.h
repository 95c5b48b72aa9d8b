// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace spliced::http {

// The rest of a body that comes as things happen, without an end that anybody knows: from whoever knows of them to the
// connection of the one that reads. It has room for so much and no more: a reader that does not take it is dropped, and
// nobody ever waits for one. Thread-safe; no call blocks.
class Feed {
 public:
  static constexpr std::size_t kRoom = 256 * 1024;  // bytes that the reader has not taken

  // `nothing`: what may be sent at any time, and says nothing.
  explicit Feed(std::string nothing) : nothing_(std::move(nothing)) {}
  // Both return whether somebody reads it still. What does not fit drops the reader.
  bool push(std::string_view text);
  [[nodiscard]] bool is_read() const;
  void end();  // nothing more will come

  // Of the connection. `wake`, which must not call back, is called whenever there is something to take, and at the end,
  // until close() has returned.
  void open(std::function<void()> wake);
  struct News {
    std::string text;
    bool ended = false;    // that was all
    bool dropped = false;  // the reader is too slow
  };
  [[nodiscard]] News take();
  void close();
  [[nodiscard]] const std::string& nothing() const { return nothing_; }

 private:
  void tell();
  const std::string nothing_;
  mutable std::mutex mutex_;  // guards what follows but for wake_
  std::string text_;
  bool ended_ = false, dropped_ = false, closed_ = false;
  std::mutex wake_mutex_;
  std::function<void()> wake_;
};

}  // namespace spliced::http
