// SPDX-License-Identifier: Apache-2.0
#include "feed.h"

#include <utility>

namespace spliced::http {

// Whoever has something to take already has been told.
bool Feed::push(std::string_view text) {
  bool first = true;
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || dropped_ || ended_) return false;
    first = text_.empty();
    if (text_.size() + text.size() > kRoom) {
      dropped_ = first = true;
    } else {
      text_ += text;
    }
  }
  if (first) tell();
  return is_read();
}

bool Feed::is_read() const {
  const std::lock_guard lock(mutex_);
  return !closed_ && !dropped_;
}

void Feed::end() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  tell();
}

void Feed::open(std::function<void()> wake) {
  {
    const std::lock_guard lock(wake_mutex_);
    wake_ = std::move(wake);
  }
  tell();
}

Feed::News Feed::take() {
  const std::lock_guard lock(mutex_);
  return {std::exchange(text_, {}), ended_, dropped_};
}

void Feed::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    text_ = {};
  }
  const std::lock_guard lock(wake_mutex_);
  wake_ = nullptr;
}

// The lock is held meanwhile, so that nobody is woken who is gone; what is called only notes it.
void Feed::tell() {
  const std::lock_guard lock(wake_mutex_);
  if (wake_) wake_();
}

}  // namespace spliced::http
