// SPDX-License-Identifier: Apache-2.0
// Why something was refused, in one word that programs may rely on.
#pragma once
#include <array>
#include <cstddef>
#include <string_view>

namespace spliced::util {

// Of a request as a whole, then of a target. The order is that of kReasonNames.
enum class Reason {
  invalid,      // a field has a value that cannot be accepted
  not_found,    // no such job or device
  not_ended,    // a job that runs cannot be forgotten
  not_running,  // only a job that runs can be paused, and resumed
  limit,        // of the daemon or of the machine; later it may work
  unavailable,  // shutting down, or the state directory cannot be written
  internal,     // a system call failed, or a defect of this program
  several,      // more than one of the others
  mounted,
  swap,
  held,         // by another block device, as its backing, or by an overlay
  busy,         // claimed by a job, another program or the kernel
  signature,    // of data that would be lost
  not_allowed,  // outside of what the operator allows
  own_file,     // of the daemon
  missing,
  not_a_target,  // neither a block device nor a regular file
  empty,
  read_only,  // for writing: the device, its file system, or the file itself
  zoned,
  hard_links,
  unknown_use,  // what might be in the way cannot be read
  hung,
  changed,  // became another target meanwhile
  no_direct_io,
  not_aligned,
  out_of_range,
  no_space,
  named_twice,
  cannot_open,
  forbidden,    // who asks may not
  unconfirmed,  // the serial or WWN of a device that would be written is missing
  gone,         // a job that was forgotten
  key_reused,   // a key that stands for another job definition
};

inline constexpr std::array<std::string_view, 34> kReasonNames{
    "invalid",     "not-found",   "not-ended",    "not-running",  "limit",       "unavailable",  "internal",
    "several",     "mounted",     "swap",         "held",         "busy",        "signature",    "not-allowed",
    "own-file",    "missing",     "not-a-target", "empty",        "read-only",   "zoned",        "hard-links",
    "unknown-use", "hung",        "changed",      "no-direct-io", "not-aligned", "out-of-range", "no-space",
    "named-twice", "cannot-open", "forbidden",    "unconfirmed",  "gone",        "key-reused"};

[[nodiscard]] constexpr std::string_view reason_name(Reason reason) {
  return kReasonNames[static_cast<std::size_t>(reason)];
}

// Whether the target is busy or unsafe as it is now, rather than the request wrong.
[[nodiscard]] constexpr bool is_conflict(Reason reason) {
  switch (reason) {
    case Reason::not_ended:
    case Reason::not_running:
    case Reason::mounted:
    case Reason::swap:
    case Reason::held:
    case Reason::busy:
    case Reason::signature:
    case Reason::not_allowed:
    case Reason::own_file:
    case Reason::empty:
    case Reason::read_only:
    case Reason::zoned:
    case Reason::hard_links:
    case Reason::unknown_use:
    case Reason::hung:
    case Reason::changed: return true;
    default: return false;
  }
}

}  // namespace spliced::util
