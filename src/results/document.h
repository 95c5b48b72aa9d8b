// SPDX-License-Identifier: Apache-2.0
// The parts of a results document; api/results.schema.json is its contract.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "form/json.h"
#include "spliced/results/seal.h"
#include "spliced/run/stage_figures.h"
#include "spliced/verdict/verdict.h"

namespace spliced::results {

inline constexpr int kFormat = 1;

// Who made a document, and when.
struct Maker {
  std::string version, revision;
  std::string host, kernel;
};

// A document as text, part by part: its begin, its devices, each with its stages, its end.
class Writer {
 public:
  // `job`: as the API shows it, but for its devices. `devices`: how many it has, whether all of them come or not.
  Writer(const form::Json& job, std::size_t devices, const Maker& maker, util::WallTime now,
         std::optional<SigningKey> key);
  [[nodiscard]] std::string begin();
  [[nodiscard]] std::string begin_device(const form::Json& device);  // render_device()
  [[nodiscard]] std::string stage(const form::Json& stage);          // render_stage()
  [[nodiscard]] std::string end_device();
  [[nodiscard]] std::string end();

 private:
  [[nodiscard]] std::string sealed(std::string text);

  std::string head_;
  const std::optional<SigningKey> key_;
  Sealer sealer_;
  bool any_ = false, any_stage_ = false;
};

// But for its stages. `over_time`: none of a summary. `peers`: none where no criterion asks for them.
[[nodiscard]] form::Json render_device(const verdict::DeviceSnapshot& device,
                                       const std::optional<run::OverTime>& over_time,
                                       const std::optional<verdict::Peers>& peers);
// `figures`: none of a summary.
[[nodiscard]] form::Json render_stage(const run::StageSnapshot& stage, const std::optional<run::StageFigures>& figures);

struct Device {
  verdict::DeviceSnapshot shown;
  std::vector<std::optional<run::StageFigures>> figures;  // by stage
  std::optional<verdict::Peers> peers;
};
// Throws std::exception where it is not what render_device() made.
[[nodiscard]] Device read_device(const form::Json& from);

}  // namespace spliced::results
