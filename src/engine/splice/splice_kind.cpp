// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "candidates.h"
#include "engine/kinds.h"
#include "events.h"
#include "splice_engine.h"
#include "spliced/util/page_buffer.h"

namespace spliced::engine {
namespace {

// Where nobody looks at what is read, all reads go through one buffer, of a block or this many bytes. It stays in a
// first-level cache (32 KiB and more) next to what is copied; twice as much did not. An engine that takes kMaxBatch
// parts in a call empties a pipe of 1 MiB in one.
constexpr std::size_t kReadWindow = 16 * 1024;

// Of a setting, in a job.
constexpr std::string_view kSize = "pipe_size_bytes";
constexpr std::string_view kBatch = "batch";

class SpliceKind final : public Kind {
 public:
  [[nodiscard]] std::string_view name() const override { return "splice"; }

  [[nodiscard]] std::vector<util::FieldError> check(const Options& options, const Load& load) const override {
    const SpliceOptions& splice = std::get<SpliceOptions>(options);
    std::vector<util::FieldError> errors;
    const auto require = [&errors](bool good, const char* field, std::string detail) {
      if (!good) errors.push_back({field, std::move(detail)});
    };
    require(splice.pipe_size <= kMaxPipe, "pipe_size", fmt::format("{} bytes; at most {}", splice.pipe_size, kMaxPipe));
    require(splice.pipe_size % util::kPageSize == 0, "pipe_size",
            fmt::format("{} is not a multiple of the page size, {} bytes", splice.pipe_size, util::kPageSize));
    require(splice.batch <= kMaxBatch, "batch", fmt::format("{} is above the limit of {}", splice.batch, kMaxBatch));
    const std::uint64_t pipe = splice.pipe_size != 0 ? splice.pipe_size : kMaxAutoPipe;
    const std::uint64_t bs = std::max<std::uint64_t>(load.block, 1);
    require(splice.batch <= 1 || splice.batch > kMaxBatch || splice.batch * bs <= pipe, "batch",
            fmt::format("{} blocks of {} bytes do not fit into a pipe of {} bytes; at most {} do", splice.batch, bs,
                        pipe, std::max<std::uint64_t>(1, pipe / bs)));
    return errors;
  }

  [[nodiscard]] std::vector<Setting> candidates(const Options& options, const Load& load,
                                                const Allowance& allowance) const override {
    return splice_candidates(std::get<SpliceOptions>(options), load, allowance);
  }
  [[nodiscard]] bool is_fixed(const Options& options) const override {
    const SpliceOptions& splice = std::get<SpliceOptions>(options);
    return splice.pipe_size != 0 && splice.batch != 0;
  }
  [[nodiscard]] std::vector<NamedValue> describe(const Setting& setting) const override {
    return {{kSize, setting.size}, {kBatch, setting.batch}};
  }
  [[nodiscard]] Setting setting_of(std::span<const NamedValue> described) const override {
    Setting out;
    for (const NamedValue& one : described) {
      if (one.name == kSize) out.size = one.value;
      if (one.name == kBatch) out.batch = one.value;
    }
    return out;
  }
  [[nodiscard]] std::string key(const Options& options) const override {
    const SpliceOptions& splice = std::get<SpliceOptions>(options);
    const int path = splice.read_path ? static_cast<int>(*splice.read_path) : -1;
    return fmt::format("splice path={} gift={}", path, splice.gift);
  }

  [[nodiscard]] std::uint64_t kernel_bytes(const Setting& setting) const override { return setting.size; }
  [[nodiscard]] std::size_t descriptors() const override { return 4; }  // of two pipes
  [[nodiscard]] std::size_t read_buffer(std::size_t block) const override { return std::min(block, kReadWindow); }

  [[nodiscard]] std::span<const Event> events() const override { return splice_events(); }
  [[nodiscard]] std::span<const Reading> readings() const override { return splice_readings(); }

  [[nodiscard]] std::unique_ptr<Engine> make(const EngineConfig& config, Syscalls& sys, util::Clock& clock,
                                             std::stop_token stop) const override {
    const SpliceOptions& options = std::get<SpliceOptions>(config.options);
    SpliceConfig out;
    out.fd = config.fd;
    out.block_device = config.block_device;
    out.pinned = options.read_path.has_value();
    out.read_path = options.read_path.value_or(ReadPath::map);
    out.settings = config.settings;
    out.gift = options.gift;
    out.read_window = config.read_buffer;
    return std::make_unique<SpliceEngine>(out, sys, clock, std::move(stop));
  }
};

}  // namespace

const Kind& splice_kind() {
  static const SpliceKind kind;
  return kind;
}

}  // namespace spliced::engine
