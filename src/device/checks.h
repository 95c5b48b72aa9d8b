#pragma once
#include "resolve.h"

namespace spliced::device {

// A target, and all that decides whether it may be used.
struct Case {
  const Resolved& target;
  const Access& access;
  const HostView& host;
  const Machine& machine;
  const AllowList& allow;
  const std::vector<std::string>& own;  // files of the daemon itself
  const std::string& holder;            // the job that has claimed it, "" for none
};

// Adds everything that is in the way. What is not allowed is neither opened nor described further.
void check(const Case& c, std::vector<Refusal>& refusals);

// What may have changed between the check and the claim.
void check_again(const Case& c, std::vector<Refusal>& refusals);

}  // namespace spliced::device
