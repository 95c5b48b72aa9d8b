// SPDX-License-Identifier: Apache-2.0
#include "comeback.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "spliced/device/identity.h"
#include "spliced/util/boot.h"
#include "spliced/util/unique_fd.h"

namespace spliced::job {

using device::BlockNode;
using device::TargetFacts;
using util::Reason;
using util::Result;

namespace {

constexpr util::Nanos kComebackLook = 5 * util::kSecond;  // at all that it may be

Result<std::string> look_at_file(const TargetFacts& then) {
  struct stat st {};
  if (::stat(then.path.c_str(), &st) != 0) {
    const std::string why = fmt::format("{} is not here: {}", then.path, util::errno_text(errno));
    return errno == ENOENT || errno == ENOTDIR ? Result<std::string>(util::refuse(Reason::missing, why))
                                               : util::fail(util::Errc::system, why, errno);
  }
  if (st.st_ino == then.id.inode) return then.path;
  return util::refuse(Reason::changed, fmt::format("{} is another file now", then.path));
}

// Its file system may not answer.
Result<std::string> find_file(const device::TargetAdmission& admission, const TargetFacts& then) {
  const util::Nanos until = util::system_clock().now() + kComebackLook;
  return device::Look<std::string>(admission.lookout(), then.path, until,
                                   [then](const auto&) { return look_at_file(then); })
      .wait(until);
}

// What it is known by, for a person.
std::string number_of(const TargetFacts& then) {
  if (!then.info.serial.empty()) return fmt::format("serial {}", then.info.serial);
  return fmt::format("WWN {}", then.info.wwn);
}

// Several are paths to one disk.
Result<std::string> find_by_number(const std::vector<BlockNode>& nodes, const TargetFacts& then,
                                   const std::string& number) {
  const BlockNode* found = nullptr;
  for (const BlockNode& node : nodes) {
    if (node.partition != then.partition || device::known_by(node.info) != number) continue;
    if (found == nullptr || node.name == then.name) found = &node;
  }
  if (found == nullptr) {
    return util::refuse(Reason::missing, fmt::format("{} ({}) is not here", then.name, number_of(then)));
  }
  const std::string path = device::node_path(found->name);
  if (found->size == then.size) return path;
  return util::refuse(Reason::changed,
                      fmt::format("{} ({}) has {} bytes and had {}", path, number_of(then), found->size, then.size));
}

// Whether it has been there all the time, or has the same file behind it.
bool is_the_same(const BlockNode& node, const TargetFacts& then) {
  if (!then.backing.empty() && node.backing_text() == then.backing) return true;
  return node.number == then.id.device && node.sequence != 0 && node.sequence == then.sequence &&
         then.boot == util::boot_id();
}

// The path, if it is the one. Error: changed, where it is not; others, where nobody can tell.
Result<std::string> look_for_data(const std::string& path, const OwnPlaces& places) {
  const util::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return util::fail(util::Errc::system, fmt::format("{}: {}", path, util::errno_text(errno)), errno);
  if (places.done.empty()) {
    if (run::holds_any(fd.get(), places.in_flight)) return path;
    return util::refuse(Reason::changed, "nothing of what this job wrote is there");
  }
  if (auto same = run::check_places(fd.get(), places.done); !same) return tl::unexpected(same.error());
  return path;
}

// Those that it may be, by what is known without looking at them.
std::vector<const BlockNode*> candidates_among(const device::TargetAdmission& admission,
                                               const std::vector<BlockNode>& nodes, const TargetFacts& then) {
  std::vector<const BlockNode*> out;
  for (const BlockNode& node : nodes) {
    if (node.partition != then.partition || node.size != then.size || !device::known_by(node.info).empty()) continue;
    if (!admission.allows(device::node_path(node.name))) continue;
    if (is_the_same(node, then)) return {&node};
    out.push_back(&node);
  }
  return out;
}

Result<std::string> find_by_data(const device::TargetAdmission& admission, const std::vector<BlockNode>& nodes,
                                 const TargetFacts& then, const OwnPlaces& places) {
  const auto possible = candidates_among(admission, nodes, then);
  if (possible.size() == 1 && is_the_same(*possible[0], then)) return device::node_path(possible[0]->name);
  struct Candidate {
    std::string path;
    device::Look<std::string> look;
  };
  std::vector<Candidate> candidates;
  const bool is_blind = places.done.empty() && places.in_flight.empty();
  const util::Nanos until = util::system_clock().now() + kComebackLook;
  for (const BlockNode* node : possible) {
    const bool is_taken = !admission.job_holding(device::block_id(node->number), device::block_id(node->whole)).empty();
    if (is_blind || is_taken) continue;
    const std::string path = device::node_path(node->name);
    candidates.push_back({path, {admission.lookout(), path, until, [path, places](const auto&) {
                                   return look_for_data(path, places);
                                 }}});
  }
  std::optional<util::Error> unknown;  // of one that may be it, and did not answer, or there were no means to ask it
  std::string why;
  for (Candidate& one : candidates) {
    auto found = one.look.wait(until);
    if (found) return found;
    const util::Error& error = found.error();
    if (const Reason reason = util::reason_of(error); reason == Reason::hung || reason == Reason::limit)
      unknown = error;
    if (one.path == then.path) why = error.message;
  }
  if (unknown) return tl::unexpected(*unknown);
  if (!why.empty()) return util::refuse(Reason::missing, fmt::format("{} is not what it was: {}", then.path, why));
  return util::refuse(Reason::missing,
                      is_blind ? fmt::format("nothing on it tells whether a device is what was {}", then.path)
                               : fmt::format("no device holds what the job wrote to {}", then.path));
}

}  // namespace

Result<std::string> find_again(const device::TargetAdmission& admission, const TargetFacts& then,
                               const OwnPlaces& places) {
  if (!then.block_device) return find_file(admission, then);
  const std::vector<BlockNode> nodes = admission.block_nodes();
  const std::string number = device::known_by(then.info);
  return number.empty() ? find_by_data(admission, nodes, then, places) : find_by_number(nodes, then, number);
}

}  // namespace spliced::job
