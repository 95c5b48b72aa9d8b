// Where a target is refused, claimed and opened.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>

#include "resolve.h"
#include "signature.h"
#include "spliced/device/gate.h"
#include "spliced/device/usage.h"

namespace spliced::device {

using util::Errc;

namespace {

void check_in_use(const TargetFacts& facts, const Access& access, const HostView& host,
                  std::vector<Refusal>& refusals) {
  if (!access.destructive && access.allow_in_use) return;
  for (const auto& use : find_uses(facts.id, host)) refusals.push_back({use});
  for (const auto& use : find_possible_uses(facts, host)) refusals.push_back({use});
}

void check_kind(const TargetFacts& facts, const Access& access, const HostView& host, std::vector<Refusal>& refusals) {
  if (facts.block_device && host.find(facts.id.device) == nullptr) {
    refusals.push_back({"is a block device that the kernel does not know (no such device in sysfs)"});
    return;
  }
  if (facts.size == 0) refusals.push_back({"has a size of zero"});
  const BlockNode* node = facts.block_device ? host.find(facts.id.device) : nullptr;
  if (access.destructive && node != nullptr && node->read_only) refusals.push_back({"is read-only"});
}

// Signatures are looked for where data would be lost, and nowhere else.
void check_signatures(const Resolved& target, const Access& access, std::vector<Refusal>& refusals) {
  if (!access.destructive || access.no_signatures || target.facts.size == 0) return;
  const auto fd = reopen(target.handle, O_RDONLY | O_NONBLOCK);
  if (!fd) {
    refusals.push_back({fmt::format("cannot be opened to look for signatures: {}", util::errno_text(errno))});
    return;
  }
  const auto names = find_signatures(fd.get());
  if (!names) {
    refusals.push_back({names.error().message});
    return;
  }
  const auto& allowed = access.overwrite_signatures;
  for (const auto& name : *names) {
    const bool named = std::any_of(allowed.begin(), allowed.end(), [&](auto& a) { return a == name || a == "all"; });
    if (named) continue;
    refusals.push_back({fmt::format("carries a signature: {}; to lose it, name it in /overwrite_signatures", name)});
  }
}

void check_allowed(const AllowList& allow, const TargetFacts& facts, std::vector<Refusal>& refusals) {
  if (allow.empty()) {
    refusals.push_back({"is not allowed: the daemon was started without --allow, so no target is"});
  } else if (!allow.allows(facts.given)) {
    refusals.push_back({"is outside the --allow patterns of the daemon"});
  } else if (!allow.allows(facts.path)) {
    refusals.push_back({fmt::format("leads to {}, which is outside the --allow patterns of the daemon", facts.path)});
  }
}

// By path for what does not exist yet, by inode for what does.
void check_own_files(const std::vector<std::string>& own, const TargetFacts& facts, std::vector<Refusal>& refusals) {
  for (const auto& path : own) {
    struct stat st {};
    const bool same_file =
        facts.exists && ::stat(path.c_str(), &st) == 0 && facts.id == NodeId{false, st.st_dev, st.st_ino};
    if (same_file || facts.path == path) {
      refusals.push_back({fmt::format("is a file of the daemon itself ({})", path)});
      return;
    }
  }
}

void check_missing(const TargetFacts& facts, const Access& access, std::vector<Refusal>& refusals) {
  if (facts.exists || access.create_bytes != 0) return;
  refusals.push_back({"does not exist; to have the file created, give /workload/size in bytes", false});
}

// A number can be given to another device, and a loop device to another file: the plan is for what was looked at. A
// file that others write may have grown.
bool same_target(const TargetFacts& now, const TargetFacts& then) {
  const bool same_size = then.block_device ? now.size == then.size : now.size >= then.size;
  return now.id == then.id && now.whole == then.whole && now.alignment == then.alignment && same_size;
}

std::uint64_t bytes_read_by_kernel(const TargetFacts& facts, const HostPaths& paths) {
  if (!facts.block_device) return 0;
  const auto counters = read_kernel_counters(facts.id.device, paths);
  return counters ? counters->read_bytes : 0;
}

Inspection inspect_resolved(const AllowList& allow, const std::vector<std::string>& own, const Resolved& target,
                            const Access& access, const HostView& host, const std::string& holder,
                            std::vector<Refusal> refusals) {
  const TargetFacts& facts = target.facts;
  check_allowed(allow, facts, refusals);
  // What is outside the patterns is neither opened nor described further.
  if (refusals.empty()) check_own_files(own, facts, refusals);
  if (refusals.empty() && !facts.exists) check_missing(facts, access, refusals);
  if (refusals.empty() && facts.exists) {
    check_kind(facts, access, host, refusals);
    check_in_use(facts, access, host, refusals);
    if (!holder.empty()) refusals.insert(refusals.begin(), {fmt::format("is claimed by job {}", holder)});
    // A disk that a job holds may be one that does not answer: it is not read from.
    if (holder.empty() && (refusals.empty() || !access.signatures_last)) check_signatures(target, access, refusals);
  }
  return {facts, std::move(refusals)};
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

OpenTarget::~OpenTarget() {
  if (!created.empty()) ::unlink(created.c_str());
}

void Gate::set_allow_list(AllowList allow) {
  const std::lock_guard lock(mutex_);
  allow_ = std::move(allow);
}

bool Gate::allows(std::string_view path) const {
  const std::lock_guard lock(mutex_);
  return allow_.allows(path);
}

Inspection Gate::inspect(const std::string& path, const Access& access, const HostView& host) const {
  return inspect_for("", path, access, host);
}

Inspection Gate::inspect_for(const std::string& job, const std::string& path, const Access& access,
                             const HostView& host) const {
  std::vector<Refusal> refusals;
  auto target = resolve(path, host, refusals);
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
  const std::string holder =
      target->facts.exists ? claims_.holder_of(target->facts.id, target->facts.whole) : std::string();
  if (!holder.empty() && holder == job) return {target->facts, {named_twice()}};
  return inspect_resolved(allow, protected_, *target, access, host, holder, std::move(refusals));
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
  if (claims_.take(target.facts.id, target.facts.whole, job, target.claim, holder)) return {};
  return tl::unexpected(refusal_error(target.facts.given, {{fmt::format("is claimed by job {}", holder)}}));
}

// O_EXCL on a block device (open(2)) keeps out mounts and every other exclusive opener; a file has flock(2).
util::Status Gate::claim_in_kernel(OpenTarget& target, const Access& access, const HostView& host) const {
  std::vector<Refusal> refusals;
  auto again = resolve(target.facts.path, host, refusals);
  if (!again) return tl::unexpected(again.error());
  if (!(again->facts.id == target.facts.id)) {
    return util::fail(Errc::conflict, fmt::format("{} became another target while it was claimed", target.facts.path));
  }
  const bool shared = !access.destructive && access.allow_in_use;
  int flags = (access.destructive ? O_RDWR : O_RDONLY) | (access.direct ? O_DIRECT : 0);
  if (target.facts.block_device && !shared) flags |= O_EXCL;
  target.fd = reopen(again->handle, flags);
  if (!target.fd) {
    const int error = errno;
    if (error == EBUSY) {
      return tl::unexpected(refusal_error(target.facts.given, {{"is claimed by another program or the kernel (O_EXCL: "
                                                                "Device or resource busy)"}}));
    }
    if (error == EINVAL && access.direct) {
      return util::fail(Errc::invalid,
                        fmt::format("{}: its file system ({}) has no O_DIRECT; set direct to false", target.facts.given,
                                    target.facts.file_system),
                        error);
    }
    return util::fail_errno(fmt::format("open {}", target.facts.path), error);
  }
  if (!target.facts.block_device && !shared && ::flock(target.fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return tl::unexpected(refusal_error(target.facts.given, {{"is locked by another program (flock)"}}));
  }
  return {};
}

// Checks of use and of signatures once more, now that nobody else can begin to use the target.
util::Status Gate::confirm(OpenTarget& target, const Access& access, const HostView& host) const {
  std::vector<Refusal> refusals;
  const auto again = resolve(target.facts.path, host, refusals);
  if (!again) return tl::unexpected(again.error());
  if (!same_target(again->facts, target.facts)) {
    return util::fail(Errc::conflict, fmt::format("{} became another target while it was claimed", target.facts.path));
  }
  const std::uint64_t before = bytes_read_by_kernel(target.facts, paths_);
  check_in_use(again->facts, access, host, refusals);
  check_signatures(*again, access, refusals);
  target.safety_read_bytes += bytes_read_by_kernel(target.facts, paths_) - before;
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
  if (auto first = resolve(path, host, refusals)) target.facts = first->facts;
  const std::uint64_t before = bytes_read_by_kernel(target.facts, paths_);
  Inspection inspection = inspect_for(job, path, access, host);
  if (!inspection.refusals.empty()) return tl::unexpected(refusal_error(path, inspection.refusals));
  target.facts = inspection.facts;
  target.safety_read_bytes = bytes_read_by_kernel(target.facts, paths_) - before;
  if (!target.facts.exists) return target;
  if (auto status = take(target, access, job, host); !status) return tl::unexpected(status.error());
  return target;
}

util::Status Gate::create(OpenTarget& target, const Access& access, const std::string& job, const HostView& host) {
  if (target.facts.exists) return {};
  if (auto made = create_file(target.facts.path, access.create_bytes); !made) {
    if (made.error().sys_errno != EEXIST) return made;
    return util::fail(Errc::conflict, fmt::format("{} was created by another meanwhile", target.facts.path), EEXIST);
  }
  target.created = target.facts.path;
  const Inspection fresh = inspect_for(job, target.facts.given, access, host);
  if (!fresh.refusals.empty()) return tl::unexpected(refusal_error(target.facts.given, fresh.refusals));
  if (fresh.facts.path != target.created) {
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
