// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "resolve.h"

namespace spliced::device {

// A target, and all that decides whether it may be used.
struct Case {
  const Resolved& target;
  const Access& access;
  const BlockTopology& host;
  const Machine& machine;
  const AllowList& allow;
  const std::vector<std::string>& own;  // files of the daemon itself
  const std::string& holder;            // the job that has claimed it, "" for none
  const std::vector<std::string>& unconfirmed_models;
  std::vector<std::string>* signatures = nullptr;  // where those that are found go; null: nobody wants to know
};

// Whether the target may be looked at any further; adds why not. What is not allowed is neither opened nor described.
[[nodiscard]] bool check_permitted(const Case& c, std::vector<Refusal>& refusals);

// Adds everything else that is in the way.
void check(const Case& c, std::vector<Refusal>& refusals);

// What may have changed between the check and the claim.
void check_again(const Case& c, std::vector<Refusal>& refusals);

}  // namespace spliced::device
