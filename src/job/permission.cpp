// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "job.h"

namespace spliced::job {

util::Status may_submit(const JobSpec& spec, const access::Principal& who) {
  const auto needed = spec.destructive ? access::Scope::destroy : access::Scope::run;
  if (who.may(needed)) return {};
  return util::refuse(
      util::Reason::forbidden,
      fmt::format("a job that {} needs the scope {}; {} has {}", spec.destructive ? "is destructive" : "only reads",
                  access::scope_name(needed), who.name, access::scope_name(who.scope)));
}

util::Status may_control(const Job& job, const access::Principal& who) {
  if (who.may_control(job.created_by())) return {};
  return util::refuse(util::Reason::forbidden,
                      fmt::format("job {} is that of {}; to stop or delete it, {} needs the scope destroy and has {}",
                                  job.id(), job.created_by().empty() ? "somebody else" : job.created_by(), who.name,
                                  access::scope_name(who.scope)));
}

}  // namespace spliced::job
