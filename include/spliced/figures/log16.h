// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cmath>
#include <cstdint>

namespace spliced::figures {

// A magnitude in 16 bits: 0, or 1 to 2^63 to within 0.034 %, on a scale of 1,024 steps in each power of two. What is
// more counts as the most.
class Log16 {
 public:
  Log16() = default;
  explicit Log16(double value) {
    if (!(value > 0)) return;
    const double step = std::round(std::log2(value < 1 ? 1 : value) * kSteps) + 1;
    code_ = static_cast<std::uint16_t>(step < kMost ? step : kMost);
  }
  [[nodiscard]] double value() const { return code_ == 0 ? 0 : std::exp2((static_cast<double>(code_) - 1) / kSteps); }
  [[nodiscard]] std::uint16_t code() const { return code_; }
  [[nodiscard]] static Log16 of_code(std::uint16_t code) {
    Log16 out;
    out.code_ = code;
    return out;
  }
  bool operator==(const Log16&) const = default;

 private:
  static constexpr double kSteps = 1'024, kMost = 65'535;
  std::uint16_t code_ = 0;
};

}  // namespace spliced::figures
