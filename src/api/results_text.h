// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>

#include "results/document.h"
#include "spliced/job/snapshot.h"
#include "spliced/util/pieces.h"
#include "spliced/util/result.h"

namespace spliced::api {

// The results of a job, device after device, as they are by now. Of one device there are its large figures, too: bands,
// histograms, the series.
struct ResultsWanted {
  std::string device;  // its name or its path; "": all of them
  results::Maker maker;
  std::optional<results::SigningKey> key;
};
// Error: not_found, where the job has no such device. Reads the devices one by one, the store if need be: throws as
// JobView::device() does.
[[nodiscard]] util::Result<util::Pieces> results_text(job::JobView job, const ResultsWanted& wanted);

}  // namespace spliced::api
