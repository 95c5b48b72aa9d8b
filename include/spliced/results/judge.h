// SPDX-License-Identifier: Apache-2.0
// A results document, judged again, and looked at whether it is as it was made. Pure functions; no daemon is asked.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spliced/results/seal.h"
#include "spliced/util/result.h"

namespace spliced::results {

// One of the criteria of a device, for people.
struct JudgedCriterion {
  std::string name, stage;      // `stage`: "" of the device
  std::string limit, measured;  // `measured`: "" where it was not
  std::string state;            // "met", "not_met", "not_measurable", "open"
  std::string note;
};
struct JudgedDevice {
  std::string name, serial;
  std::string recorded, verdict;  // as the document has it, and as it comes out; "" for none
  std::string reason;
  std::vector<JudgedCriterion> criteria;
  std::size_t stages = 0, worked_out = 0;  // of how many of its stages there was all that it takes
  // What comes out otherwise than it stands there, a line for each; empty: all agrees.
  std::vector<std::string> differences;
};
struct Judged {
  std::string job, name;
  std::string state, recorded, verdict;  // as of a device
  bool partial = false;                  // of some of its devices: what becomes of the others is taken as recorded
  std::vector<JudgedDevice> devices;
  std::vector<std::string> differences;  // of the job as a whole
  [[nodiscard]] bool agrees() const;
};
// Works out of what was measured what each stage showed, from that which criteria are met, and from these the verdicts.
// Error: invalid, where it is no such document.
[[nodiscard]] util::Result<Judged> judge(std::string_view document);

struct Checked {
  bool intact = false;  // its SHA-256 is right, and where it is signed, so is the signature
  std::string problem;  // why it is not, "" otherwise
  std::string sha256;
  std::optional<Signer> signer;
  std::string job, made_at;
};
// `public_key`: who must have signed it, in hex; "": whoever says so in it, or nobody.
[[nodiscard]] Checked check(std::string_view document, const std::string& public_key = "");

}  // namespace spliced::results
