// SPDX-License-Identifier: Apache-2.0
// Error model of the whole program: functions that can fail for a reason outside the program return Result<T>.
#pragma once
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "spliced/util/reason.h"

namespace spliced::util {

// What kind of failure it is. One table per adapter maps these to an HTTP status and to a D-Bus error name.
enum class Errc {
  invalid,      // the request is well formed but cannot be carried out as it stands
  forbidden,    // who asks may not do that
  not_found,    // no such job, device or file
  gone,         // there was such a job
  conflict,     // the target is busy or unsafe, or the object is in the wrong state
  exhausted,    // a limit is reached; later it may work
  unavailable,  // shutting down
  system,       // a system call failed
  internal,     // a defect of this program
};

// One thing that is wrong with one field of a request. `pointer` names the field relative to the value that was looked
// at
// ("bs"), "" for the whole; whoever embeds that value adds the way to it (under()), and whoever knows the document
// makes an RFC 6901 JSON pointer of it ("/workload/bs").
struct FieldError {
  std::string pointer;
  std::string detail;
  Reason reason = Reason::invalid;
};

// The same of a value that is found at `way`: "workload/bs".
[[nodiscard]] std::vector<FieldError> under(std::string_view way, std::vector<FieldError> errors);

struct Error {
  Errc code = Errc::internal;
  std::string message;
  int sys_errno = 0;                // 0 when no system call is behind it
  std::vector<FieldError> details;  // every cause, when there is more than one or a field is known
};

// In one word: of the details, when they agree; else that of the code.
[[nodiscard]] Reason reason_of(const Error& error);

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] Errc code_of(Reason reason);
// Of several: what is busy or unsafe counts before what the daemon lacks, and that before what is wrong.
[[nodiscard]] Errc code_of(const std::vector<FieldError>& details);

// Of one thing with a reason of its own; the code follows from that.
[[nodiscard]] tl::unexpected<Error> refuse(Reason reason, std::string message, int sys_errno = 0);

[[nodiscard]] inline tl::unexpected<Error> fail(Errc code, std::string message, int sys_errno = 0) {
  return tl::unexpected<Error>(Error{code, std::move(message), sys_errno, {}});
}

// "what: strerror(err)", with Errc::system.
[[nodiscard]] tl::unexpected<Error> fail_errno(std::string_view what, int err);

// The same error with "context: " in front of its message.
[[nodiscard]] Error with_context(Error error, std::string_view context);

// "EIO" for EIO; "errno 4711" for a number without a name.
[[nodiscard]] std::string errno_name(int err);

// "Input/output error" for EIO. Thread-safe, unlike strerror(3).
[[nodiscard]] std::string errno_text(int err);

}  // namespace spliced::util
