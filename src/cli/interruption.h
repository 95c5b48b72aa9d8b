// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <string>

#include "client.h"
#include "spliced/util/unique_fd.h"

namespace spliced::cli {

// SIGINT, SIGTERM and SIGHUP while a job is watched. They come as a descriptor, so that they end no request in the
// middle, and requests are made on a thread of their own, so that they are seen while the daemon does not answer. Made
// once, before other threads are.
class Interruption {
 public:
  Interruption();

  // Whether the user has had enough.
  [[nodiscard]] bool wanted() const { return signals_ > 0; }
  // What is said on a first signal, and on a second one, with which the program ends at once, with kUndecided.
  void set_words(std::string first, std::string last);
  // The answer to `question`, however long it takes.
  [[nodiscard]] util::Result<Answer> ask(std::function<util::Result<Answer>()> question);
  // Until a signal comes, or the time has passed.
  void wait(int milliseconds);

 private:
  void look();
  util::UniqueFd fd_;
  int signals_ = 0;
  std::string first_words_, last_words_;
};

}  // namespace spliced::cli
