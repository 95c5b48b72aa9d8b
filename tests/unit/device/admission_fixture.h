// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "fake_host.h"
#include "spliced/device/target_admission.h"

namespace spliced::testing {

// What a kernel answers to openat2(2): the call itself, or the errno of one that does not have it or may not be asked.
inline device::SystemCalls calls_with_openat2(int error) {
  device::SystemCalls calls = device::kernel_calls();
  if (error == 0) return calls;
  calls.openat2 = [error](const char*, std::uint64_t) {
    errno = error;
    return -1;
  };
  return calls;
}

// A TargetAdmission over files in a directory of its own, on a machine without disks, mounts and swap; the parameter is
// the errno that openat2(2) is refused with.
struct AdmissionFixture : ::testing::TestWithParam<int> {
  [[nodiscard]] static std::string all_of(const util::Error& error) {
    std::string text = error.message;
    for (const auto& detail : error.details) text += "\n" + detail.detail;
    return text;
  }
  // What opening `path` is refused with; "" when it is not refused.
  [[nodiscard]] std::string refusal(const std::string& path, const device::Access& access) {
    auto opened = admission.open(path, access, "refused-job");
    if (opened) return "";
    code = opened.error().code;
    return all_of(opened.error());
  }
  [[nodiscard]] static device::Access reading() {
    device::Access access;
    access.direct = false;
    return access;
  }
  [[nodiscard]] static device::Access writing() {
    device::Access access = reading();
    access.destructive = true;
    return access;
  }

  FakeHost host;
  TempDir dir;
  device::SystemCalls calls = calls_with_openat2(GetParam());
  device::TargetAdmission admission{device::AllowList({dir.path() + "/"}), host.paths(), calls};
  util::Errc code = util::Errc::internal;
};

// Runs all of a fixture's tests in each of these ways.
inline auto openat2_answers() {
  return ::testing::Values(0, ENOSYS, EPERM);
}
inline std::string openat2_name(const ::testing::TestParamInfo<int>& info) {
  return info.param == 0 ? "Openat2" : "WalkAfter" + util::errno_name(info.param);
}

}  // namespace spliced::testing
