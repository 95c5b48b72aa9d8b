// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <string>

#include "spliced/store/job_store.h"
#include "spliced/util/delegate.h"

namespace spliced::store {

// Puts new jobs on the disk before anybody is told that they were accepted, on a thread of its own: who submits one
// waits for the state directory for so long and no longer. Thread-safe.
class Acceptance {
 public:
  static constexpr util::Nanos kLimit = 3 * util::kSecond / 2;

  // `withdraw`: called with the id of a job that the store took when nobody waited for it any more, from the thread, so
  // that it is gone before the next one is accepted. Both must outlive it.
  Acceptance(JobStore& store, std::function<void(const std::string&)> withdraw);

  // Its results are read before, on the caller's thread: what waits here holds on to nothing else. Error: unavailable.
  [[nodiscard]] util::Status put(StoredJob record, util::Nanos limit = kLimit);
  // Whether it does not wait for the store, within `limit`.
  [[nodiscard]] bool wait_until_idle(util::Nanos limit) const { return delegate_.wait_until_idle(limit); }
  void stop() { delegate_.stop(); }  // when it does not wait for the store any more

 private:
  JobStore& store_;
  const std::function<void(const std::string&)> withdraw_;
  util::Delegate delegate_{"acceptance"};
};

}  // namespace spliced::store
