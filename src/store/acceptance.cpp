// SPDX-License-Identifier: Apache-2.0
#include "acceptance.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "kept_results.h"

namespace spliced::store {

Acceptance::Acceptance(JobStore& store, std::function<void(const std::string&)> withdraw)
    : store_(store), withdraw_(std::move(withdraw)) {}

util::Status Acceptance::put(StoredJob record, util::Nanos limit) {
  if (record.results) record.results = read_again(keep_results(record.results));
  const auto outcome = std::make_shared<util::Status>();
  const std::string id = record.id;
  const bool ended =
      delegate_.run([this, outcome, record = std::move(record)] { *outcome = store_.accept(record); }, limit,
                    [this, outcome, id] {
                      if (*outcome) withdraw_(id);
                    });
  if (!ended) {
    return util::fail(util::Errc::unavailable,
                      fmt::format("the job was not accepted: the state directory has not taken its record in {:.1f} s",
                                  static_cast<double>(limit) / 1e9));
  }
  if (*outcome) return {};
  return util::fail(util::Errc::unavailable,
                    "the job was not accepted, for it cannot be recorded: " + outcome->error().message);
}

}  // namespace spliced::store
