// Where a target is refused, claimed and opened.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>

#include "checks.h"
#include "spliced/device/gate.h"
#include "spliced/device/usage.h"

namespace spliced::device {

using util::Errc;

namespace {

// A number can be given to another device, and a loop device to another file: the plan is for what was looked at. A
// file that others write may have grown.
bool same_target(const TargetFacts& now, const TargetFacts& then) {
  const bool same_size = then.block_device ? now.size == then.size : now.size >= then.size;
  return now.id == then.id && now.stack == then.stack && now.alignment == then.alignment && same_size;
}

tl::unexpected<util::Error> became_another(const std::string& path) {
  return util::fail(Errc::conflict, fmt::format("{} became another target while it was claimed", path));
}

util::Status cannot_open(const TargetFacts& facts, const Access& access, int error) {
  if (error == EBUSY) {
    return tl::unexpected(refusal_error(
        facts.given, {{"is claimed by another program or the kernel (O_EXCL: Device or resource busy)"}}));
  }
  if (error == EINVAL && access.direct) {
    return util::fail(
        Errc::invalid,
        fmt::format("{}: its file system ({}) has no O_DIRECT; set direct to false", facts.given, facts.file_system),
        error);
  }
  return util::fail_errno(fmt::format("open {}", facts.path), error);
}

// Only what somebody else holds is in use; a system that is out of locks is no fault of the target.
util::Status lock_file(const OpenTarget& target) {
  while (::flock(target.fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return util::fail_errno(fmt::format("flock {}", target.facts.path), errno);
    return tl::unexpected(refusal_error(target.facts.given, {{"is locked by another program (flock)"}}));
  }
  return {};
}

std::uint64_t bytes_read_by_kernel(const TargetFacts& facts, const HostPaths& paths) {
  if (!facts.block_device) return 0;
  const auto counters = read_kernel_counters(facts.id.device, paths);
  return counters ? counters->read_bytes : 0;
}

}  // namespace

Refusal named_twice() {
  return {"is, or shares a disk with, another target of this job", false};
}

util::Error refusal_error(const std::string& path, const std::vector<Refusal>& refusals) {
  util::Error error;
  const bool conflict = std::any_of(refusals.begin(), refusals.end(), [](auto& r) { return r.conflict; });
  error.code = conflict ? Errc::conflict : Errc::invalid;
  for (const auto& refusal : refusals) {
    const std::string reason = fmt::format("{} {}", path, refusal.reason);
    error.message += error.message.empty() ? reason : "; " + reason;
    error.details.push_back({"", reason});
  }
  return error;
}

bool share_a_disk(const TargetFacts& a, const TargetFacts& b) {
  if (!a.exists || !b.exists) return a.path == b.path;
  return excludes(a.stack, b.stack);
}

void Gate::set_allow_list(AllowList allow) {
  const std::lock_guard lock(mutex_);
  allow_ = std::move(allow);
}

bool Gate::allows(std::string_view path) const {
  const std::lock_guard lock(mutex_);
  return allow_.allows(path);
}

Gate::Gate(AllowList allow, HostPaths paths, SystemCalls calls)
    : allow_(std::move(allow)), machine_({std::move(paths), std::move(calls)}), reader_(machine_.paths, lookout_) {}

util::Status Gate::can_open() const {
  const util::UniqueFd root = open_without_links(machine_.calls, "/", O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (!root) return util::fail_errno("no path can be opened on this system: open /", errno);
  if (reopen(root, O_RDONLY | O_DIRECTORY)) return {};
  return util::fail_errno("no target can be opened on this system: open through /proc/thread-self/fd", errno);
}

Inspection Gate::inspect(const std::string& path, const Access& access, const HostView& host) const {
  return inspect_for("", path, access, host);
}

Inspection Gate::inspect_for(const std::string& job, const std::string& path, const Access& access,
                             const HostView& host) const {
  CreatedFile place;
  return inspect_at(place, job, path, access, host);
}

Inspection Gate::inspect_at(CreatedFile& place, const std::string& job, const std::string& path, const Access& access,
                            const HostView& host) const {
  std::vector<Refusal> refusals;
  auto target = resolve(path, host, machine_, refusals);
  if (!target) {
    TargetFacts facts;
    facts.given = facts.path = facts.name = path;
    std::string reason = target.error().message;
    if (reason.starts_with(path + ": ")) reason.erase(0, path.size() + 2);  // a refusal is told with its path
    return {facts, {{reason, false}}};
  }
  AllowList allow;
  {
    const std::lock_guard lock(mutex_);
    allow = allow_;
  }
  place = std::move(target->place);
  const std::string holder = target->facts.exists ? claims_.holder_of(target->facts.stack) : std::string();
  if (!holder.empty() && holder == job) return {target->facts, {named_twice()}};
  check({*target, access, host, machine_, allow, protected_, holder}, refusals);
  return {target->facts, std::move(refusals)};
}

util::Result<Looks::Ticket> Gate::look_alone(const std::string& path, util::Nanos until) const {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return lookout_.looks().begin("missing " + path, path, until);
  const auto key = S_ISBLK(st.st_mode) ? fmt::format("device {}:{}", major(st.st_rdev), minor(st.st_rdev))
                                       : fmt::format("file {} of {}:{}", st.st_ino, major(st.st_dev), minor(st.st_dev));
  return lookout_.looks().begin(key, path, until);
}

util::Status Gate::take_claim(OpenTarget& target, const std::string& job) {
  std::string holder;
  if (claims_.take(target.facts.stack, job, target.claim, holder)) return {};
  return tl::unexpected(refusal_error(target.facts.given, {{fmt::format("is claimed by job {}", holder)}}));
}

// O_EXCL on a block device (open(2)) keeps out mounts and every other exclusive opener; a file has flock(2).
util::Status Gate::claim_in_kernel(OpenTarget& target, const Access& access, const HostView& host) const {
  std::vector<Refusal> refusals;
  auto again = resolve(target.facts.path, host, machine_, refusals);
  if (!again) return tl::unexpected(again.error());
  if (!(again->facts.id == target.facts.id)) return became_another(target.facts.path);
  const bool shared = !access.destructive && access.allow_in_use;
  int flags = (access.destructive ? O_RDWR : O_RDONLY) | (access.direct ? O_DIRECT : 0);
  if (target.facts.block_device && !shared) flags |= O_EXCL;
  target.fd = reopen(again->handle, flags);
  if (!target.fd) return cannot_open(target.facts, access, errno);
  if (target.facts.block_device || shared) return {};
  return lock_file(target);
}

// Checks of use and of signatures once more, now that nobody else can begin to use the target.
util::Status Gate::confirm(OpenTarget& target, const Access& access, const HostView& host) const {
  std::vector<Refusal> refusals;
  auto again = resolve(target.facts.path, host, machine_, refusals);
  if (!again) return tl::unexpected(again.error());
  if (!same_target(again->facts, target.facts)) return became_another(target.facts.path);
  struct stat st {};
  if (target.fd && ::fstat(target.fd.get(), &st) == 0) again->links = st.st_nlink;  // of what will be written
  const std::uint64_t before = bytes_read_by_kernel(target.facts, machine_.paths);
  AllowList allow;
  check_again({*again, access, host, machine_, allow, protected_, ""}, refusals);
  target.safety_read_bytes += bytes_read_by_kernel(target.facts, machine_.paths) - before;
  if (!refusals.empty()) return tl::unexpected(refusal_error(target.facts.given, refusals));
  // What the checks left in the page cache would be looked for there by every direct write, a tenth of a small one.
  const bool shared = !access.destructive && access.allow_in_use;
  if (target.facts.block_device && !shared) ::posix_fadvise(target.fd.get(), 0, 0, POSIX_FADV_DONTNEED);
  return {};
}

util::Result<OpenTarget> Gate::open(const std::string& path, const Access& access, const std::string& job) {
  auto target = claim(path, access, job, host());
  if (!target) return target;
  if (auto status = create(*target, access, job, host()); !status) return tl::unexpected(status.error());
  if (auto status = confirm(*target, access, host()); !status) return tl::unexpected(status.error());
  return target;
}

util::Result<OpenTarget> Gate::claim(const std::string& path, const Access& access, const std::string& job,
                                     const HostView& host) {
  OpenTarget target;
  std::vector<Refusal> refusals;
  if (auto first = resolve(path, host, machine_, refusals)) target.facts = first->facts;
  const std::uint64_t before = bytes_read_by_kernel(target.facts, machine_.paths);
  Inspection inspection = inspect_at(target.created, job, path, access, host);
  if (!inspection.refusals.empty()) return tl::unexpected(refusal_error(path, inspection.refusals));
  target.facts = inspection.facts;
  target.safety_read_bytes = bytes_read_by_kernel(target.facts, machine_.paths) - before;
  if (!target.facts.exists) return target;
  if (auto status = take(target, access, job, host); !status) return tl::unexpected(status.error());
  return target;
}

util::Status Gate::create(OpenTarget& target, const Access& access, const std::string& job, const HostView& host) {
  if (target.facts.exists) return {};
  if (auto made = target.created.create(machine_.calls, access.create_bytes); !made) return made;
  const Inspection fresh = inspect_for(job, target.facts.given, access, host);
  if (!fresh.refusals.empty()) return tl::unexpected(refusal_error(target.facts.given, fresh.refusals));
  if (fresh.facts.path != target.facts.path || !(fresh.facts.id == target.created.id())) {
    return util::fail(Errc::conflict, fmt::format("{} became another target while it was created", target.facts.given));
  }
  target.facts = fresh.facts;
  return take(target, access, job, host);
}

util::Status Gate::take(OpenTarget& target, const Access& access, const std::string& job, const HostView& host) {
  if (auto status = take_claim(target, job); !status) return status;
  return claim_in_kernel(target, access, host);
}

}  // namespace spliced::device
