// SPDX-License-Identifier: Apache-2.0
// What whoever shares out resources, and shows engines, relies on of each kind.
#include "spliced/engine/kind.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "spliced/engine/syscalls.h"

namespace spliced::engine {
namespace {

class EveryKind : public ::testing::TestWithParam<std::size_t> {
 protected:
  const Kind& kind = kind_at(GetParam());
  const Options options = default_options(GetParam());
};
INSTANTIATE_TEST_SUITE_P(Kinds, EveryKind, ::testing::Range(std::size_t{0}, kKinds),
                         [](const auto& param) { return std::string(kind_at(param.param).name()); });

TEST_P(EveryKind, IsTheOneOfItsOptions) {
  EXPECT_EQ(options.index(), GetParam());
  EXPECT_EQ(&kind_of(options), &kind);
  EXPECT_TRUE(kind.check(options, {}).empty()) << "the defaults are valid";
}

TEST_P(EveryKind, HasEventsWithNamesOfTheirOwn) {
  ASSERT_LE(kind.events().size(), kMaxEvents);
  std::set<std::string> seen, families;
  for (const Event& event : kind.events()) {
    std::string name(event.family->event);
    for (std::size_t i = 0; i < event.values.size(); ++i) {
      EXPECT_EQ(event.values[i].empty(), event.family->labels[i].empty());
      name += "/" + std::string(event.values[i]);
    }
    EXPECT_TRUE(seen.insert(name).second) << name;
    families.insert(std::string(event.family->event));
    EXPECT_TRUE(event.family->metric.starts_with("spliced_") && event.family->metric.ends_with("_total"));
    EXPECT_FALSE(event.family->help.empty());
  }
  EXPECT_TRUE(families.contains("retry"));
  EXPECT_TRUE(families.contains("short_transfer"));
}

TEST_P(EveryKind, HasReadingsWithNamesOfTheirOwn) {
  ASSERT_LE(kind.readings().size(), kMaxReadings);
  std::set<std::string_view> seen{"kind", "tuning", "events"};
  for (const Reading& reading : kind.readings()) {
    EXPECT_TRUE(seen.insert(reading.name).second) << reading.name;
    EXPECT_EQ(reading.metric.empty(), reading.help.empty());
  }
}

TEST_P(EveryKind, OffersSettingsThatItsEngineCanHaveWithinWhatIsAllowed) {
  for (const std::uint64_t block : {512U, 4096U, 65'536U, 1U << 20, 64U << 20}) {
    for (const std::uint64_t limit : {0U, 4096U, 65'536U, 1U << 20}) {
      for (const bool spread : {false, true}) {
        const auto settings = kind.candidates(options, {block, spread}, {limit, limit});
        ASSERT_FALSE(settings.empty());
        EngineConfig config;
        config.options = options;
        config.settings.fill(settings[0]);
        const auto engine = kind.make(config, kernel(), util::system_clock(), {});
        for (const Setting& setting : settings) {
          EXPECT_GE(setting.batch, 1U);
          EXPECT_LE(setting.batch, engine->traits().depth);
          EXPECT_TRUE(setting.batch == 1 || (!spread && setting.batch * block <= limit)) << block << " " << limit;
          EXPECT_LE(kind.kernel_bytes(setting), std::max<std::uint64_t>(limit, 8192));
          std::set<std::string_view> names{"direction", "source", "why", "tried", "bytes_per_second"};
          for (const NamedValue& one : kind.describe(setting)) EXPECT_TRUE(names.insert(one.name).second);
        }
      }
    }
  }
}

TEST_P(EveryKind, NeedsABufferForReadsOfABlockAtMost) {
  for (const std::size_t block : {512U, 4096U, 1U << 20}) {
    EXPECT_GE(kind.read_buffer(block), 1U);
    EXPECT_LE(kind.read_buffer(block), block);
  }
  EXPECT_LE(kind.descriptors(), 8U);
}

TEST(Kinds, HaveNamesAndKeysOfTheirOwn) {
  std::set<std::string> names, keys;
  for (std::size_t i = 0; i < kKinds; ++i) {
    EXPECT_TRUE(names.insert(std::string(kind_at(i).name())).second);
    EXPECT_TRUE(keys.insert(kind_at(i).key(default_options(i))).second);
  }
  EXPECT_NE(kind_at(0).key(SpliceOptions{ReadPath::copy, 0, 0, false}), kind_at(0).key(SpliceOptions{}));
  EXPECT_NE(kind_at(0).key(SpliceOptions{{}, 0, 0, true}), kind_at(0).key(SpliceOptions{}));
}

}  // namespace
}  // namespace spliced::engine
