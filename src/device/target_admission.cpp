// SPDX-License-Identifier: Apache-2.0
// Where a target is refused, claimed and opened.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>

#include "checks.h"
#include "opening.h"
#include "spliced/device/target_admission.h"
#include "spliced/device/usage.h"

namespace spliced::device {

using util::Reason;

namespace {

// A number can be given to another device, and a loop device to another file: the plan is for what was looked at. A
// file that others write may have grown.
bool same_target(const TargetFacts& now, const TargetFacts& then) {
  const bool same_size = then.block_device ? now.size == then.size : now.size >= then.size;
  return now.id == then.id && now.stack == then.stack && now.alignment == then.alignment && same_size;
}

tl::unexpected<util::Error> became_another(const std::string& path) {
  return util::refuse(Reason::changed, fmt::format("{} became another target while it was claimed", path));
}

std::string_view file_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

std::uint64_t bytes_read_by_kernel(const TargetFacts& facts, const HostPaths& paths) {
  if (!facts.block_device) return 0;
  const auto counters = read_kernel_counters(facts.id.device, paths);
  return counters ? counters->read_bytes : 0;
}

}  // namespace

Refusal named_twice() {
  return {"is, or shares a disk with, another target of this job", Reason::named_twice};
}

util::Error refusal_error(const std::string& path, const std::vector<Refusal>& refusals) {
  util::Error error;
  for (const auto& refusal : refusals) {
    const std::string text = fmt::format("{} {}", path, refusal.text);
    error.message += error.message.empty() ? text : "; " + text;
    error.details.push_back({"", text, refusal.reason});
  }
  error.code = util::code_of(error.details);
  return error;
}

bool share_a_disk(const TargetFacts& a, const TargetFacts& b) {
  if (!a.exists || !b.exists) {
    return a.exists == b.exists && a.directory == b.directory && file_name(a.path) == file_name(b.path);
  }
  return excludes(a.stack, b.stack);
}

bool is_same_thing(const TargetFacts& now, const TargetFacts& then) {
  return now.id == then.id && now.sequence == then.sequence && now.info.wwn == then.info.wwn &&
         now.info.serial == then.info.serial;
}

void TargetAdmission::set_allow_list(AllowList allow) {
  const std::lock_guard lock(mutex_);
  allow_ = std::move(allow);
}

void TargetAdmission::set_unconfirmed_models(std::vector<std::string> models) {
  const std::lock_guard lock(mutex_);
  unconfirmed_models_ = std::move(models);
}

std::vector<std::string> TargetAdmission::unconfirmed_models() const {
  const std::lock_guard lock(mutex_);
  return unconfirmed_models_;
}

bool TargetAdmission::allows(std::string_view path) const {
  const std::lock_guard lock(mutex_);
  return allow_.allows(path);
}

TargetAdmission::TargetAdmission(AllowList allow, HostPaths paths, SystemCalls calls)
    : allow_(std::move(allow)), machine_({std::move(paths), std::move(calls)}), reader_(machine_.paths, lookout_) {}

util::Status TargetAdmission::can_open() const {
  const util::UniqueFd root = open_without_links(machine_.calls, "/", O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (!root) return util::fail_errno("no path can be opened on this system: open /", errno);
  if (reopen(root, O_RDONLY | O_DIRECTORY)) return {};
  return util::fail_errno("no target can be opened on this system: open through /proc/thread-self/fd", errno);
}

Inspection TargetAdmission::inspect(const std::string& path, const Access& access, const BlockTopology& host) const {
  return inspect_for("", path, access, host);
}

Inspection TargetAdmission::inspect_for(const std::string& job, const std::string& path, const Access& access,
                                        const BlockTopology& host) const {
  CreatedFile place;
  return inspect_at(place, job, path, access, host);
}

Inspection TargetAdmission::inspect_at(CreatedFile& place, const std::string& job, const std::string& path,
                                       const Access& access, const BlockTopology& host) const {
  std::vector<Refusal> refusals;
  auto target = resolve(path, host, machine_, refusals);
  if (!target) {
    TargetFacts facts;
    facts.given = facts.path = facts.name = path;
    std::string text = target.error().message;
    if (text.starts_with(path + ": ")) text.erase(0, path.size() + 2);  // a refusal is told with its path
    return {facts, {{text, util::reason_of(target.error())}}};
  }
  AllowList allow;
  {
    const std::lock_guard lock(mutex_);
    allow = allow_;
  }
  const std::vector<std::string> models = unconfirmed_models();
  place = std::move(target->place);
  const std::string holder = target->facts.exists ? claims_.holder_of(target->facts.stack) : std::string();
  const Case c{*target, access, host, machine_, allow, protected_, holder, models};
  if (!check_permitted(c, refusals)) return {target->facts, std::move(refusals)};
  if (!holder.empty() && holder == job) return {target->facts, {named_twice()}};
  check(c, refusals);
  if ((access.try_to_open || !target->facts.exists) && refusals.empty()) {
    util::UniqueFd disk;
    auto refusal = try_to_open(*target, access);
    if (!refusal) refusal = lock_disk(target->facts, access, host, disk);
    if (refusal) refusals.push_back(std::move(*refusal));
  }
  return {target->facts, std::move(refusals)};
}

util::Result<Looks::Ticket> TargetAdmission::look_alone(const std::string& path, util::Nanos until) const {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return lookout_.looks().begin("missing " + path, path, until);
  const auto key = S_ISBLK(st.st_mode) ? fmt::format("device {}:{}", major(st.st_rdev), minor(st.st_rdev))
                                       : fmt::format("file {} of {}:{}", st.st_ino, major(st.st_dev), minor(st.st_dev));
  return lookout_.looks().begin(key, path, until);
}

util::Status TargetAdmission::acquire_claim(OpenTarget& target, const std::string& job) {
  std::string holder;
  if (claims_.acquire(target.facts.stack, job, target.claim, holder)) return {};
  return tl::unexpected(
      refusal_error(target.facts.given, {{fmt::format("is claimed by job {}", holder), Reason::busy}}));
}

// Who changes a partition holds the disk's lock; there may be several of ours, of which one has it.
std::optional<Refusal> TargetAdmission::lock_disk(const TargetFacts& facts, const Access& access,
                                                  const BlockTopology& host, util::UniqueFd& out) const {
  if (!facts.exists || !facts.block_device || facts.id == facts.whole || is_shared(access)) return std::nullopt;
  const BlockNode* disk = host.find(facts.whole.device);
  if (disk == nullptr) return std::nullopt;
  const std::string path = node_path(disk->name);
  out.reset(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat st {};
  if (!out || ::fstat(out.get(), &st) != 0 || !S_ISBLK(st.st_mode) || st.st_rdev != facts.whole.device) {
    out.reset();
    return std::nullopt;  // without its node there is nobody to keep off either
  }
  auto refusal = lock(out, kDiskLockLimit);
  if (!refusal) return std::nullopt;
  out.reset();
  if (claims_.is_locked(facts.whole, facts.id)) return std::nullopt;  // by a job on another partition
  refusal->text = fmt::format("is on {}, which {}", path, refusal->text);
  return refusal;
}

util::Status TargetAdmission::claim_in_kernel(OpenTarget& target, const Access& access, const BlockTopology& host) {
  std::vector<Refusal> refusals;
  auto again = resolve(target.facts.path, host, machine_, refusals);
  if (!again) return tl::unexpected(again.error());
  if (!(again->facts.id == target.facts.id)) return became_another(target.facts.path);
  again->facts.given = target.facts.given;
  auto fd = open_exclusively(*again, access);
  if (!fd) return tl::unexpected(fd.error());
  target.fd = std::move(*fd);
  if (auto refusal = lock_disk(again->facts, access, host, target.disk)) {
    return tl::unexpected(refusal_error(target.facts.given, {*refusal}));
  }
  if (target.disk) claims_.record_lock(target.facts.id, target.facts.whole);
  return {};
}

// Checks of use and of signatures once more, now that nobody else can begin to use the target.
util::Status TargetAdmission::confirm(OpenTarget& target, const Access& access, const BlockTopology& host) const {
  std::vector<Refusal> refusals;
  auto again = resolve(target.facts.path, host, machine_, refusals);
  if (!again) return tl::unexpected(again.error());
  if (!same_target(again->facts, target.facts)) return became_another(target.facts.path);
  struct stat st {};
  if (target.fd && ::fstat(target.fd.get(), &st) == 0) again->links = st.st_nlink;  // of what will be written
  const std::uint64_t before = bytes_read_by_kernel(target.facts, machine_.paths);
  AllowList allow;
  const std::vector<std::string> models = unconfirmed_models();
  target.facts.signatures.clear();
  check_again({*again, access, host, machine_, allow, protected_, "", models, &target.facts.signatures}, refusals);
  target.safety_read_bytes += bytes_read_by_kernel(target.facts, machine_.paths) - before;
  if (!refusals.empty()) return tl::unexpected(refusal_error(target.facts.given, refusals));
  // What the checks left in the page cache would be looked for there by every direct write, a tenth of a small one.
  const bool shared = !access.destructive && access.allow_in_use;
  if (target.facts.block_device && !shared) ::posix_fadvise(target.fd.get(), 0, 0, POSIX_FADV_DONTNEED);
  return {};
}

util::Result<OpenTarget> TargetAdmission::open(const std::string& path, const Access& access, const std::string& job) {
  auto target = claim(path, access, job, host());
  if (!target) return target;
  if (auto status = create(*target, access, job, host()); !status) return tl::unexpected(status.error());
  if (auto status = confirm(*target, access, host()); !status) return tl::unexpected(status.error());
  return target;
}

util::Result<OpenTarget> TargetAdmission::claim(const std::string& path, const Access& access, const std::string& job,
                                                const BlockTopology& host) {
  OpenTarget target;
  std::vector<Refusal> refusals;
  if (auto first = resolve(path, host, machine_, refusals)) target.facts = first->facts;
  const std::uint64_t before = bytes_read_by_kernel(target.facts, machine_.paths);
  Inspection inspection = inspect_at(target.created, job, path, access, host);
  if (!inspection.refusals.empty()) return tl::unexpected(refusal_error(path, inspection.refusals));
  target.facts = inspection.facts;
  target.safety_read_bytes = bytes_read_by_kernel(target.facts, machine_.paths) - before;
  if (!target.facts.exists) return target;
  if (auto status = claim_existing(target, access, job, host); !status) return tl::unexpected(status.error());
  return target;
}

util::Status TargetAdmission::create(OpenTarget& target, const Access& access, const std::string& job,
                                     const BlockTopology& host) {
  if (target.facts.exists) return {};
  if (auto made = target.created.create(machine_.calls, access.create_bytes); !made) return made;
  const Inspection fresh = inspect_for(job, target.facts.given, access, host);
  if (!fresh.refusals.empty()) return tl::unexpected(refusal_error(target.facts.given, fresh.refusals));
  if (fresh.facts.path != target.facts.path || !(fresh.facts.id == target.created.id())) {
    return util::refuse(Reason::changed,
                        fmt::format("{} became another target while it was created", target.facts.given));
  }
  target.facts = fresh.facts;
  return claim_existing(target, access, job, host);
}

util::Status TargetAdmission::claim_existing(OpenTarget& target, const Access& access, const std::string& job,
                                             const BlockTopology& host) {
  if (auto status = acquire_claim(target, job); !status) return status;
  return claim_in_kernel(target, access, host);
}

}  // namespace spliced::device
