// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "spliced/figures/series.h"
#include "stage.h"

namespace spliced::run {

// What is looked at while a stage goes on, by its measured time: whether a cycle breaks a limit that is to end the
// device, and whether its rounds have become steady. Of the device's thread.
class StageWatch {
 public:
  static constexpr util::Nanos kNever = std::numeric_limits<util::Nanos>::max();

  // Of the current stage, all of which outlive it.
  StageWatch(const StageSpec& spec, const Stage& stage, const PauseGate& gate, const PauseWatch& freezes,
             std::uint64_t size, util::Nanos now);

  // When look() is to be called next; kNever: not at all.
  [[nodiscard]] util::Nanos next() const { return next_; }
  struct Finding {
    bool enough = false;    // the stage is to end as done
    std::string breach;     // the device is to end for this; "" otherwise
    std::string remark;     // for the log
    bool is_round = false;  // steady() tells more than before
  };
  [[nodiscard]] Finding look(util::Nanos now);
  // The stage has ended: a round that was all but over counts.
  void finish(util::Nanos now);
  // The device was made to do something else: the rate of a short cycle that goes on tells nothing.
  void disturb() { disturbed_ = true; }
  [[nodiscard]] std::optional<SteadyResult> steady() const { return steady_; }

 private:
  using Marks = std::array<figures::HistogramMark, util::kOpClasses>;
  // What there was when a span of time began.
  struct Span {
    util::Nanos began = 0, measured = 0;
    std::uint64_t pauses = 0;
    std::array<std::uint64_t, util::kOpClasses> bytes{}, operations{}, busy{}, counted{};
    Marks latency;
  };
  void begin(Span& span, util::Nanos now);
  [[nodiscard]] bool is_whole(const Span& span, util::Nanos now) const;
  [[nodiscard]] std::string breach_of(util::Nanos now);
  [[nodiscard]] std::string latency_breach(const DeviceTotals& totals, util::Nanos length);
  [[nodiscard]] std::string rate_breach(const DeviceTotals& totals, util::Nanos length);
  void end_round(util::Nanos now, Finding& out);
  [[nodiscard]] double value_of_round(const DeviceTotals& totals, util::Nanos length);
  void judge_round(util::Nanos now, Finding& out);
  void set_next(util::Nanos now);
  [[nodiscard]] DeviceTotals totals() const;

  const StageSpec& spec_;
  const Stage& stage_;
  const PauseGate& gate_;
  const PauseWatch& freezes_;
  const std::uint64_t size_;
  const UntilSteady* until_ = nullptr;
  util::OpClass op_ = util::OpClass::read;  // that is followed
  util::Nanos cycle_ = 0, round_ = 0;       // lengths; 0: there is none
  Span of_cycle_, of_round_;
  bool judges_rates_ = false, disturbed_ = false;
  bool judges_ = true;  // the stage goes on until it is steady
  std::optional<SteadyResult> steady_;
  util::Nanos next_ = kNever;
};

}  // namespace spliced::run
