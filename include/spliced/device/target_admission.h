// SPDX-License-Identifier: Apache-2.0
// From the path a client names to a target that is known, judged, claimed and open.
#pragma once
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "spliced/device/allow_list.h"
#include "spliced/device/claim.h"
#include "spliced/device/created_file.h"
#include "spliced/device/lookout.h"
#include "spliced/device/system_calls.h"
#include "spliced/device/target.h"
#include "spliced/device/usage.h"
#include "spliced/util/result.h"
#include "spliced/util/unique_fd.h"

namespace spliced::device {

// What a job wants to do with a target.
struct Access {
  bool destructive = false;                       // writes or trims
  bool direct = true;                             // O_DIRECT
  bool allow_in_use = false;                      // a reader may share a device that is mounted or held
  std::vector<std::string> confirm;               // serials or WWNs of devices that may be written; see is_confirmed()
  bool no_confirmation = false;                   // needs none: for overviews
  std::vector<std::string> overwrite_signatures;  // names of signatures that may be lost; "all" for any
  bool signatures_last = false;    // look for signatures only if nothing else is in the way: for overviews
  bool no_signatures = false;      // look for none: nothing is read from the target
  bool try_to_open = false;        // inspect(): told to be free only if it can be opened, or created, as it would be
  std::uint64_t create_bytes = 0;  // a file that does not exist is created with this size; 0: it is refused
};

// Where the machine is to be read from, and how.
struct Machine {
  HostPaths paths;
  SystemCalls calls;
};

// A target that is open and claimed; all of it is given back by the destructor. A file that was created for the job is
// removed unless keep() was called.
struct OpenTarget {
  TargetFacts facts;
  Claim claim;          // declared before fd: the kernel's claim goes first, so that the next job finds both free
  util::UniqueFd disk;  // of a partition: the disk that it is on, locked as fd is
  util::UniqueFd fd;
  CreatedFile created;                  // what this job brought into being, if it did
  std::uint64_t safety_read_bytes = 0;  // what looking for signatures read from the device, as the kernel counted it

  void keep() { created.keep(); }
};

// Decides which targets may be touched, and opens them. Thread-safe. Blocks on the disk while it looks for signatures.
class TargetAdmission {
 public:
  TargetAdmission(AllowList allow, HostPaths paths, SystemCalls calls = kernel_calls());

  // Looks, and says everything that is in the way. Opens devices for reading only, creates nothing and claims nothing
  // for longer than an instant.
  [[nodiscard]] Inspection inspect(const std::string& path, const Access& access, const BlockTopology& host) const;

  // Inspects, claims for `job` and opens; a file that does not exist is left for create(). To be confirmed before it is
  // used. Any refusal: nothing stays behind. Many targets share one view of the host, which takes milliseconds to make.
  [[nodiscard]] util::Result<OpenTarget> claim(const std::string& path, const Access& access, const std::string& job,
                                               const BlockTopology& host);
  // Brings the file of a claim() that found none into being, claims and opens it; does nothing to any other.
  [[nodiscard]] util::Status create(OpenTarget& target, const Access& access, const std::string& job,
                                    const BlockTopology& host);
  // Inspects once more, under the claim, with a view of the host that is newer than the claim.
  [[nodiscard]] util::Status confirm(OpenTarget& target, const Access& access, const BlockTopology& host) const;
  // All three for one target.
  [[nodiscard]] util::Result<OpenTarget> open(const std::string& path, const Access& access, const std::string& job);

  void set_allow_list(AllowList allow);
  // Patterns of models, as fnmatch(3) has them, that are written without being confirmed.
  void set_unconfirmed_models(std::vector<std::string> models);
  // Files of the daemon itself, which no job may touch whatever is allowed. Before any job.
  void protect(std::vector<std::string> paths) { protected_ = std::move(paths); }
  [[nodiscard]] bool allows(std::string_view path) const;
  [[nodiscard]] std::string job_holding(const NodeId& node, const NodeId& whole) const {
    return claims_.holder_of({node, whole});
  }
  // The job that holds an existing target, or what it stands on or carries.
  [[nodiscard]] std::string job_holding(const TargetFacts& facts) const { return claims_.holder_of(facts.stack); }
  [[nodiscard]] BlockTopology host() const { return reader_.read(); }
  [[nodiscard]] std::vector<std::string> block_names() const { return list_block_names(machine_.paths); }
  [[nodiscard]] std::vector<BlockNode> block_nodes() const { return list_block_nodes(machine_.paths); }
  // What of the machine cannot be read: while it cannot, every target that would be written is refused. Reads the
  // machine.
  [[nodiscard]] std::vector<std::string> blind_spots() const { return host().blind_spots; }
  // Whether targets can be opened on this system at all, whatever they are.
  [[nodiscard]] util::Status can_open() const;

  // Where targets are looked at: claim(), create(), confirm() and inspect() may wait for a target, so they are called
  // on threads of this. Must be free before it is destroyed.
  [[nodiscard]] Lookout& lookout() const { return lookout_; }
  // The right to look at what `path` leads to, whatever its name: at a device that does not answer, one thread waits.
  // May wait itself, until `until`; see Looks.
  [[nodiscard]] util::Result<Looks::Ticket> look_alone(const std::string& path, util::Nanos until) const;

 private:
  [[nodiscard]] std::vector<std::string> unconfirmed_models() const;
  [[nodiscard]] Inspection inspect_for(const std::string& job, const std::string& path, const Access& access,
                                       const BlockTopology& host) const;
  [[nodiscard]] Inspection inspect_at(CreatedFile& place, const std::string& job, const std::string& path,
                                      const Access& access, const BlockTopology& host) const;
  [[nodiscard]] std::optional<Refusal> lock_disk(const TargetFacts& facts, const Access& access,
                                                 const BlockTopology& host, util::UniqueFd& out) const;
  [[nodiscard]] util::Status claim_in_kernel(OpenTarget& target, const Access& access, const BlockTopology& host);
  [[nodiscard]] util::Status claim_existing(OpenTarget& target, const Access& access, const std::string& job,
                                            const BlockTopology& host);
  [[nodiscard]] util::Status acquire_claim(OpenTarget& target, const std::string& job);

  mutable std::mutex mutex_;  // guards the next two
  AllowList allow_;
  std::vector<std::string> unconfirmed_models_;
  std::vector<std::string> protected_;
  const Machine machine_;
  ClaimTable claims_;
  mutable Lookout lookout_;  // its threads use all of the above
  const HostReader reader_;
};

// What is said of a target that is another one of the same job under another name.
[[nodiscard]] Refusal named_twice();

// A refused target as an error: Errc::conflict or Errc::invalid, the reasons joined in the message, one detail each.
[[nodiscard]] util::Error refusal_error(const std::string& path, const std::vector<Refusal>& refusals);

}  // namespace spliced::device
