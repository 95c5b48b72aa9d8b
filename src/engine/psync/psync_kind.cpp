// SPDX-License-Identifier: Apache-2.0
#include "engine/kinds.h"
#include "psync_engine.h"

namespace spliced::engine {
namespace {

class PsyncKind final : public Kind {
 public:
  [[nodiscard]] std::string_view name() const override { return "psync"; }
  [[nodiscard]] std::vector<util::FieldError> check(const Options&, const Load&) const override { return {}; }
  [[nodiscard]] std::vector<Setting> candidates(const Options&, const Load&, const Allowance&) const override {
    return {{0, 1}};
  }
  [[nodiscard]] bool is_fixed(const Options&) const override { return false; }
  [[nodiscard]] std::vector<NamedValue> describe(const Setting&) const override { return {}; }
  [[nodiscard]] Setting setting_of(std::span<const NamedValue>) const override { return {}; }
  [[nodiscard]] std::string key(const Options&) const override { return "psync"; }
  [[nodiscard]] std::uint64_t kernel_bytes(const Setting&) const override { return 0; }
  [[nodiscard]] std::size_t descriptors() const override { return 0; }
  [[nodiscard]] std::size_t read_buffer(std::size_t block) const override { return block; }
  [[nodiscard]] std::span<const Event> events() const override { return psync_events(); }
  [[nodiscard]] std::span<const Reading> readings() const override { return {}; }
  [[nodiscard]] std::unique_ptr<Engine> make(const EngineConfig& config, Syscalls& sys, util::Clock& clock,
                                             std::stop_token stop) const override {
    return std::make_unique<PsyncEngine>(config.fd, config.block_device, sys, clock, std::move(stop));
  }
};

}  // namespace

const Kind& psync_kind() {
  static const PsyncKind kind;
  return kind;
}

}  // namespace spliced::engine
