// SPDX-License-Identifier: Apache-2.0
// What a target is refused for.
#include "checks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "opening.h"
#include "spliced/device/identity.h"
#include "zoned.h"

namespace spliced::device {
namespace {

using Refusals = std::vector<Refusal>;
using util::Reason;

void check_uses(const Case& c, Refusals& refusals) {
  if (is_shared(c.access)) return;
  const TargetFacts& facts = c.target.facts;
  for (auto& use : find_holders(facts.id, c.host, c.target.where)) refusals.push_back(std::move(use));
  for (auto& use : find_possible_holders(facts.path, c.host)) refusals.push_back(std::move(use));
}

// What cannot be read may be what would refuse the target.
void check_blind_spots(const Case& c, Refusals& refusals) {
  if (is_shared(c.access)) return;
  const TargetFacts& facts = c.target.facts;
  const NodeId node = facts.exists ? facts.id : NodeId{false, facts.home, 0};
  for (const auto& spot : find_blind_spots(node, c.host)) {
    refusals.push_back({fmt::format("cannot be told to be free: {}", spot), Reason::unknown_use});
  }
}

// Zones are to be written in order, and a trim of them is a reset.
void check_zoned(const BlockNode& node, const BlockTopology& host, Refusals& refusals) {
  if (node.zoned) refusals.push_back({zoned_refusal(node, host), Reason::zoned});
  if (!node.zoned_unknown.empty()) {
    refusals.push_back(
        {fmt::format("cannot be told to be an ordinary disk: {}", node.zoned_unknown), Reason::unknown_use});
  }
}

// What would be lost is named by more than a path, which may be another disk's tomorrow.
void check_confirmed(const Case& c, Refusals& refusals) {
  const DeviceInfo& info = c.target.facts.info;
  if (c.access.no_confirmation || is_confirmed(info, c.access.confirm)) return;
  const auto& waived = c.unconfirmed_models;
  const bool needs_none = std::any_of(waived.begin(), waived.end(), [&](const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), info.model.c_str(), 0) == 0;
  });
  if (needs_none) return;
  refusals.push_back(
      {"has a serial or WWN of its own, and would be written: name it in /confirm (\"splicectl devices\" shows it)",
       Reason::unconfirmed});
}

void check_device(const Case& c, Refusals& refusals) {
  const BlockNode* node = c.host.find(c.target.facts.id.device);
  if (node == nullptr) {
    refusals.push_back(
        {"is a block device that the kernel does not know (no such device in sysfs)", Reason::unknown_use});
    return;
  }
  if (node->size == 0) refusals.push_back({"has a size of zero", Reason::empty});
  if (!c.access.destructive) return;
  if (node->read_only) refusals.push_back({"is read-only", Reason::read_only});
  check_zoned(*node, c.host, refusals);
  check_confirmed(c, refusals);
}

void check_file(const Case& c, Refusals& refusals) {
  const TargetFacts& facts = c.target.facts;
  if (facts.exists && facts.size == 0) refusals.push_back({"has a size of zero", Reason::empty});
  if (facts.exists && c.access.destructive && c.target.links > 1) {
    refusals.push_back(
        {fmt::format("has {} names (hard links), and the others may lie where no job may write; write to "
                     "a file with one name",
                     c.target.links),
         Reason::hard_links});
  }
  if (c.access.direct && !facts.direct_refused.empty()) {
    refusals.push_back({fmt::format("cannot be reached with direct I/O: {}; set /workload/direct to false, or take a "
                                    "file on another file system",
                                    facts.direct_refused),
                        Reason::no_direct_io});
  }
}

// Signatures are looked for where data would be lost, and nowhere else: not where any of them may be lost.
void check_signatures(const Case& c, Refusals& refusals) {
  const auto& allowed = c.access.overwrite_signatures;
  const auto may_lose = [&](const std::string& name) {
    return std::find(allowed.begin(), allowed.end(), name) != allowed.end();
  };
  if (!c.access.destructive || c.access.no_signatures || c.target.facts.size == 0 || may_lose("all")) return;
  constexpr const char* way = R"(; to go on without looking, set /overwrite_signatures to ["all"])";
  const auto fd = reopen(c.target.handle, O_RDONLY | O_NONBLOCK);
  if (!fd) {
    refusals.push_back({fmt::format("cannot be opened to look for signatures: {}{}", util::errno_text(errno), way),
                        Reason::cannot_open});
    return;
  }
  const auto names = c.machine.calls.signatures(fd.get());
  if (!names) {
    refusals.push_back({fmt::format("may carry signatures: {}{}", names.error().message, way), Reason::signature});
    return;
  }
  if (c.signatures != nullptr) *c.signatures = *names;
  for (const auto& name : *names) {
    if (may_lose(name)) continue;
    refusals.push_back({fmt::format("carries a signature: {}; to lose it, name it in /overwrite_signatures", name),
                        Reason::signature});
  }
}

// A node that was made elsewhere, or a link, opens no device that is not allowed by the name that the kernel gives it.
void check_allowed(const Case& c, Refusals& refusals) {
  const TargetFacts& facts = c.target.facts;
  const auto leads_outside = [&](const std::string& to) {
    refusals.push_back(
        {fmt::format("leads to {}, which is outside the --allow patterns of the daemon", to), Reason::not_allowed});
  };
  if (c.allow.empty()) {
    refusals.push_back(
        {"is not allowed: the daemon was started without --allow, so no target is", Reason::not_allowed});
  } else if (!c.allow.allows(facts.given)) {
    refusals.push_back({"is outside the --allow patterns of the daemon", Reason::not_allowed});
  } else if (!c.allow.allows(facts.path)) {
    leads_outside(facts.path);
  } else if (facts.block_device && c.host.find(facts.id.device) != nullptr && !c.allow.allows(node_path(facts.name))) {
    leads_outside(node_path(facts.name));
  }
}

// By path for what does not exist yet, by inode for what does. What lies directly in a directory of the daemon is its
// own; a directory below it need not be: jobs of the shipped unit have theirs there.
void check_own_files(const Case& c, Refusals& refusals) {
  const TargetFacts& facts = c.target.facts;
  for (const auto& path : c.own) {
    struct stat st {};
    const bool same_file =
        facts.exists && ::stat(path.c_str(), &st) == 0 && facts.id == NodeId{false, st.st_dev, st.st_ino};
    if (same_file || facts.path == path || std::filesystem::path(facts.path).parent_path() == path) {
      refusals.push_back({fmt::format("is a file of the daemon itself ({})", path), Reason::own_file});
      return;
    }
  }
}

void check_missing(const Case& c, Refusals& refusals) {
  if (c.target.facts.exists || c.access.create_bytes != 0) return;
  refusals.push_back({"does not exist; to have the file created, give /workload/size in bytes", Reason::missing});
}

// What the target is and who uses it.
void check_nature_and_uses(const Case& c, Refusals& refusals) {
  if (c.target.facts.block_device) {
    check_device(c, refusals);
  } else {
    check_file(c, refusals);
  }
  check_uses(c, refusals);
  check_blind_spots(c, refusals);
}

}  // namespace

bool check_permitted(const Case& c, Refusals& refusals) {
  check_allowed(c, refusals);
  if (refusals.empty()) check_own_files(c, refusals);
  if (refusals.empty()) check_missing(c, refusals);
  return refusals.empty();
}

void check(const Case& c, Refusals& refusals) {
  check_nature_and_uses(c, refusals);
  if (!c.holder.empty())
    refusals.insert(refusals.begin(), {fmt::format("is claimed by job {}", c.holder), Reason::busy});
  // A disk that a job holds may be one that does not answer: it is not read from.
  const bool look = refusals.empty() || !c.access.signatures_last;
  if (c.target.facts.exists && c.holder.empty() && look) check_signatures(c, refusals);
}

void check_again(const Case& c, Refusals& refusals) {
  check_nature_and_uses(c, refusals);
  check_signatures(c, refusals);
}

}  // namespace spliced::device
