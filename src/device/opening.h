#pragma once
#include "resolve.h"
#include "spliced/device/gate.h"

namespace spliced::device {

// A target as the job will use it: with O_EXCL on a block device (open(2)), which keeps out mounts and every other
// exclusive opener, or with flock(2) on a file; a reader that may share takes neither.
[[nodiscard]] util::Result<util::UniqueFd> open_exclusively(const Resolved& target, const Access& access);

// Whether that would succeed now, or the file be created, told by trying: opens for an instant, a block device for
// reading only, and changes nothing.
[[nodiscard]] std::optional<Refusal> try_to_open(const Resolved& target, const Access& access);

// What an errno(3) of a call on the target says about it. What the daemon or the machine lacks is Reason::limit.
[[nodiscard]] util::Reason reason_of_errno(int error);
// The same of creating a file, and what is said of it then.
[[nodiscard]] util::Reason reason_of_create(int error);
[[nodiscard]] std::string cannot_be_created(int error);
// "what: strerror(error)", with that reason.
[[nodiscard]] tl::unexpected<util::Error> refuse_errno(std::string_view what, int error);

}  // namespace spliced::device
