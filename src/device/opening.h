// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "resolve.h"
#include "spliced/device/target_admission.h"

namespace spliced::device {

// Whether a job may share its target with others: it need not know who else uses it.
[[nodiscard]] bool is_shared(const Access& access);

// Takes flock(2) LOCK_EX; gives up after `limit`.
[[nodiscard]] std::optional<Refusal> lock(const util::UniqueFd& fd, util::Nanos limit);
// udev, and whoever else looks at a disk, has its lock for as long as that takes (systemd.io/BLOCK_DEVICE_LOCKING).
inline constexpr util::Nanos kDiskLockLimit = util::kSecond;

// A target as the job will use it: with flock(2), and on a block device with O_EXCL as well (open(2)), which keeps out
// mounts and every other exclusive opener; a reader that may share takes neither.
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
