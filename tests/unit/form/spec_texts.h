// SPDX-License-Identifier: Apache-2.0
// Job definitions as texts, and what is wrong with them.
#pragma once
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "form/spec_reader.h"

namespace spliced::testing {

using nlohmann::json;

inline json minimal() {
  return {{"targets", {"/dev/x"}}};
}

// A job in which `pointer` has `value`.
inline json with(const std::string& pointer, const json& value) {
  json job = minimal();
  if (!pointer.starts_with("/targets")) job["destructive"] = true;
  job[json::json_pointer(pointer)] = value;
  return job;
}

inline plan::JobSpec read(const json& job) {
  auto spec = form::read_spec(job.dump());
  if (spec) return spec->spec;
  std::string text;
  for (const auto& error : spec.error().errors) text += error.pointer + ": " + error.detail + "\n";
  ADD_FAILURE() << job.dump() << "\n" << text;
  return {};
}
inline plan::JobSpec read(const std::string& pointer, const json& value) {
  return read(with(pointer, value));
}

// The pointers of all errors, sorted, each with how often it is there.
inline std::map<std::string, int> errors_of(const std::string& text) {
  const auto spec = form::read_spec(text);
  std::map<std::string, int> out;
  if (spec) return out;
  EXPECT_FALSE(spec.error().malformed) << text;
  for (const auto& error : spec.error().errors) {
    EXPECT_FALSE(error.detail.empty());
    ++out[error.pointer];
  }
  return out;
}
inline std::map<std::string, int> only(const std::string& pointer) {
  return {{pointer, 1}};
}

inline void refuse(const std::string& pointer, const json& value) {
  EXPECT_EQ(errors_of(with(pointer, value).dump()), only(pointer)) << pointer << " = " << value;
}

}  // namespace spliced::testing
