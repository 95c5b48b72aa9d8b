// SPDX-License-Identifier: Apache-2.0
// Jobs as texts that are made while they are sent: neither a job of a thousand devices nor a page of such jobs is ever
// in memory as a whole.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "spliced/job/service.h"

namespace spliced::api {

// The job as GET /v1/jobs/{id} answers.
[[nodiscard]] util::Pieces job_text(job::JobView job);
// Whole jobs, one after the other, as a page of the list. Those that are forgotten meanwhile are left out; one that
// cannot be read makes it throw std::runtime_error rather than tell of fewer jobs than there are.
[[nodiscard]] util::Pieces page_text(std::function<util::Result<job::JobView>(const std::string&)> open,
                                     std::vector<std::string> ids, std::string next_page_token);

// What POST /v1/jobs:validate answers, in ASCII alone: other characters are escaped.
[[nodiscard]] std::string plan_text(const plan::PlanReport& report, const plan::JobSpec& spec);

}  // namespace spliced::api
