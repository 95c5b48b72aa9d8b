// SPDX-License-Identifier: Apache-2.0
// Jobs as they might have been, with all that their verdicts are made of: the same stages, figures and evidence as a
// run has, of drawn numbers.
#pragma once
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "results/document.h"

namespace spliced::testing {

struct GeneratedJob {
  plan::JobSpec spec;
  std::vector<verdict::DeviceSnapshot> devices;                   // judged, as the daemon does
  std::vector<std::map<std::size_t, run::StageFigures>> figures;  // by stage
  std::vector<verdict::Peers> peers;
  verdict::Verdict verdict = verdict::Verdict::none;
};
[[nodiscard]] GeneratedJob generate_job(std::mt19937_64& random);

// `only`: this device alone; none: a summary, or a whole document of the only one.
[[nodiscard]] std::string document_of(const GeneratedJob& job, std::optional<std::size_t> only,
                                      const std::optional<results::SigningKey>& key = std::nullopt);

}  // namespace spliced::testing
