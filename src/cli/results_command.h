// SPDX-License-Identifier: Apache-2.0
// The results of a job: got from the daemon, judged again, and looked at whether they are as they were made.
#pragma once
#include <string>

#include "commands.h"

namespace spliced::cli {

// `device`: "" of a job with one device, or for a summary of several. `output`: a file; "": standard output.
[[nodiscard]] int results(const Context& context, const std::string& id, const std::string& device,
                          const std::string& output);
// These two ask no daemon. `key`: a file with the public key that must have signed it; "": whoever says so in it.
[[nodiscard]] int judge(const std::string& file, bool as_json);
[[nodiscard]] int check(const std::string& file, const std::string& key, bool as_json);

}  // namespace spliced::cli
