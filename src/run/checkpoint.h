// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "spliced/run/checkpoint.h"

namespace spliced::run {

// When the next checkpoint is due. To write a cache back costs a slow disk half of its operations when it is done every
// five seconds: it may take no more than one fiftieth of the time.
class CheckpointPace {
 public:
  static constexpr util::Nanos kInterval = 5 * util::kSecond;
  static constexpr util::Nanos kReadInterval = 30 * util::kSecond;  // where nothing was written
  static constexpr util::Nanos kShare = 50;
  static constexpr util::Nanos kLongest = 600 * util::kSecond;

  explicit CheckpointPace(util::Nanos start) : start_(start), next_(start + kInterval) {}

  [[nodiscard]] util::Nanos next() const { return next_; }
  [[nodiscard]] util::Nanos flushing() const { return flushing_; }  // for how long in all
  void flushed(util::Nanos began, util::Nanos ended);
  void nothing_to_flush(util::Nanos now) { next_ = now + kReadInterval; }

 private:
  util::Nanos start_;
  util::Nanos next_;
  util::Nanos flushing_ = 0;
};

}  // namespace spliced::run
