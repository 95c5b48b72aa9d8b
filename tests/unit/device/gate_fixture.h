#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "fake_host.h"
#include "spliced/device/gate.h"

namespace spliced::testing {

// A gate over files in a directory of its own, on a machine without disks, mounts and swap.
struct GateFixture : ::testing::Test {
  [[nodiscard]] static std::string all_of(const util::Error& error) {
    std::string text = error.message;
    for (const auto& detail : error.details) text += "\n" + detail.detail;
    return text;
  }
  // What opening `path` is refused with; "" when it is not refused.
  [[nodiscard]] std::string refusal(const std::string& path, const device::Access& access) {
    auto opened = gate.open(path, access, "refused-job");
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
  device::Gate gate{device::AllowList({dir.path() + "/"}), host.paths()};
  util::Errc code = util::Errc::internal;
};

}  // namespace spliced::testing
