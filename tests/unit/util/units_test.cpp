// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/units.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "spliced/util/random.h"

namespace spliced::util {
namespace {

constexpr std::uint64_t kKi = 1024;
constexpr Nanos kMillisecond = 1'000'000;
constexpr Nanos kHundredYears = 100LL * 365 * 86400 * kSecond;

template <class T>
struct Case {
  const char* text;
  T value;
};

TEST(ParseSize, KnowsEverySuffix) {
  const std::vector<Case<std::uint64_t>> cases{
      {"0", 0},
      {"1", 1},
      {"4096", 4096},
      {"7B", 7},
      {"3k", 3 * kKi},
      {"3K", 3 * kKi},
      {"3KiB", 3 * kKi},
      {"3m", 3 * kKi * kKi},
      {"3M", 3 * kKi * kKi},
      {"3MiB", 3 * kKi * kKi},
      {"3g", 3 * kKi * kKi * kKi},
      {"3G", 3 * kKi * kKi * kKi},
      {"3GiB", 3 * kKi * kKi * kKi},
      {"3t", 3 * kKi * kKi * kKi * kKi},
      {"3T", 3 * kKi * kKi * kKi * kKi},
      {"3TiB", 3 * kKi * kKi * kKi * kKi},
      {"3kB", 3'000},
      {"3KB", 3'000},
      {"3MB", 3'000'000},
      {"3GB", 3'000'000'000},
      {"3TB", 3'000'000'000'000},
      {"0k", 0},
      {"0T", 0},
      {"007k", 7 * kKi},
  };
  for (const auto& c : cases) {
    const auto size = parse_size(c.text);
    ASSERT_TRUE(size) << c.text;
    EXPECT_EQ(*size, c.value) << c.text;
  }
}

TEST(ParseSize, TakesFractions) {
  EXPECT_EQ(parse_size("1.5k").value(), 1536U);
  EXPECT_EQ(parse_size("0.5M").value(), 512 * kKi);
  EXPECT_EQ(parse_size("2.5kB").value(), 2500U);
  EXPECT_EQ(parse_size("1.0T").value(), kKi * kKi * kKi * kKi);
}

TEST(ParseSize, RefusesWhatIsNoSize) {
  for (const char* text :
       {"",    " ",   "k",    "KiB", "-1",  "-1k",  "+1",  "1 k",   " 1",    "1 ",   "1kk", "1kib",  "1Kib",    "1ki",
        "1b",  "1P",  "1PiB", "1s",  "1.",  "1.k",  ".5k", "1..5",  "1.5.5", "1,5k", "1e3", "0x10",  "nan",     "NaN",
        "inf", "INF", "-inf", "abc", "10%", "1k\n", "k1",  "1TiBs", "--1",   "1-",   "0b1", "1_000", "\xc2\xb5"}) {
    const auto size = parse_size(text);
    ASSERT_FALSE(size) << '"' << text << '"';
    EXPECT_EQ(size.error().code, Errc::invalid) << text;
    EXPECT_NE(size.error().message.find(text), std::string::npos) << text;
  }
}

TEST(ParseSize, RefusesEmbeddedZero) {
  EXPECT_FALSE(parse_size(std::string_view("1\0", 2)));
  EXPECT_FALSE(parse_size(std::string_view("1\0k", 3)));
}

TEST(ParseSize, ReadsNoFurtherThanTheView) {
  EXPECT_EQ(parse_size(std::string_view("64kB", 2)).value(), 64U);
}

TEST(ParseSize, RefusesWhatDoesNotFit) {
  for (const char* text :
       {"9223372036854775808", "9223372036854775809", "18446744073709551615", "18446744073709551616",
        "99999999999999999999999999", "8388608T", "8388608.0T", "8589934592G", "9007199254740992k", "9223373TB",
        "18014398509481984k", "16777216T", "18446744073709551615T", "99999999999999999999.5"}) {
    const auto size = parse_size(text);
    ASSERT_FALSE(size) << text;
    EXPECT_EQ(size.error().code, Errc::invalid) << text;
  }
}

TEST(ParseSize, IsExactAboveTwoToThe53) {
  EXPECT_EQ(parse_size("9007199254740993").value(), 9'007'199'254'740'993U);
  EXPECT_EQ(parse_size("1152921504606846977").value(), (1ULL << 60) + 1);
  EXPECT_EQ(parse_size("1125899906842625k").value(), 1'125'899'906'842'625ULL * kKi);
  EXPECT_EQ(parse_size("8388607G").value(), 8'388'607ULL << 30);
}

// The limit is compared as a double, 9.2e18, which is below 2^63-1.
TEST(ParseSize, TakesEverythingUpToTheLimit) {
  EXPECT_EQ(parse_size("9223372036854775807").value_or(0), (1ULL << 63) - 1);
  EXPECT_EQ(parse_size("8388607T").value_or(0), 8'388'607ULL << 40);
  EXPECT_EQ(parse_size("9223372TB").value_or(0), 9'223'372'000'000'000'000ULL);
}

TEST(FormatSize, TakesTheLargestUnitThatIsExact) {
  EXPECT_EQ(format_size(0), "0");
  EXPECT_EQ(format_size(1), "1");
  EXPECT_EQ(format_size(1000), "1000");
  EXPECT_EQ(format_size(1023), "1023");
  EXPECT_EQ(format_size(1024), "1k");
  EXPECT_EQ(format_size(1025), "1025");
  EXPECT_EQ(format_size(64 * kKi), "64k");
  EXPECT_EQ(format_size(1ULL << 20), "1M");
  EXPECT_EQ(format_size((1ULL << 20) + 1024), "1025k");
  EXPECT_EQ(format_size(1ULL << 30), "1G");
  EXPECT_EQ(format_size(1ULL << 40), "1T");
  EXPECT_EQ(format_size(1ULL << 50), "1024T");
}

TEST(FormatSize, IsReadBackByParseSize) {
  Random random(7);
  for (unsigned bits = 0; bits < 62; ++bits) {
    for (int i = 0; i < 50; ++i) {
      const std::uint64_t odd = random.below(std::uint64_t{1} << bits);
      for (const std::uint64_t bytes : {odd, std::uint64_t{1} << bits, (odd >> 20) << 20}) {
        const auto size = parse_size(format_size(bytes));
        ASSERT_TRUE(size) << bytes;
        ASSERT_EQ(*size, bytes);
      }
    }
  }
}

TEST(ParseDuration, KnowsEverySuffix) {
  const std::vector<Case<Nanos>> cases{
      {"0", 0},
      {"0s", 0},
      {"1", kSecond},
      {"30", 30 * kSecond},
      {"100ns", 100},
      {"10us", 10'000},
      {"500ms", 500 * kMillisecond},
      {"30s", 30 * kSecond},
      {"10m", 600 * kSecond},
      {"1h", 3600 * kSecond},
      {"2d", 2 * 86400 * kSecond},
      {"1.5", 1'500 * kMillisecond},
      {"0.5s", 500 * kMillisecond},
      {"1.5h", 5400 * kSecond},
      {"0.001us", 1},
      {"0.25d", 6 * 3600 * kSecond},
  };
  for (const auto& c : cases) {
    const auto duration = parse_duration(c.text);
    ASSERT_TRUE(duration) << c.text;
    EXPECT_EQ(*duration, c.value) << c.text;
  }
}

TEST(ParseDuration, RefusesWhatIsNoDuration) {
  for (const char* text : {"",     " ",   "s",    "-1",   "-1s", "+1s",  "1 s",  " 1s",
                           "1s ",  "1S",  "1sec", "1min", "1M",  "1H",   "1w",   "1y",
                           "1.",   "1.s", ".5s",  "1e3",  "nan", "inf",  "-inf", "1h30m",
                           "1:30", "1ss", "1k",   "10%",  "0x1", "1..s", "ms",   "99999999999999999999"}) {
    const auto duration = parse_duration(text);
    ASSERT_FALSE(duration) << '"' << text << '"';
    EXPECT_EQ(duration.error().code, Errc::invalid) << text;
    EXPECT_NE(duration.error().message.find(text), std::string::npos) << text;
  }
}

TEST(ParseDuration, EndsAtAHundredYears) {
  EXPECT_EQ(parse_duration("36500d").value(), kHundredYears);
  EXPECT_EQ(parse_duration("876000h").value(), kHundredYears);
  EXPECT_EQ(parse_duration("52560000m").value(), kHundredYears);
  EXPECT_EQ(parse_duration("3153600000").value(), kHundredYears);
  EXPECT_EQ(parse_duration("3153600000000000000ns").value(), kHundredYears);
  for (const char* text : {"36501d", "876001h", "52560001m", "3153600001", "3153600001s", "3153600000001ms",
                           "18446744073709551615ns", "18446744073709551615d", "36500.1d"}) {
    const auto duration = parse_duration(text);
    ASSERT_FALSE(duration) << text;
    EXPECT_EQ(duration.error().code, Errc::invalid) << text;
  }
}

// The value goes through a double, which cannot tell 2^53 + 1 from 2^53.
TEST(ParseDuration, IsExactAboveTwoToThe53) {
  EXPECT_EQ(parse_duration("9007199254740993ns").value(), 9'007'199'254'740'993);
  EXPECT_EQ(parse_duration("1000000000000000001ns").value(), 1'000'000'000'000'000'001);
  EXPECT_FALSE(parse_duration("3153600000000000001ns"));
  EXPECT_EQ(parse_duration(format_duration(9'007'199'254'740'993)).value(), 9'007'199'254'740'993);
}

TEST(SecondsToNanos, RoundsToTheNearest) {
  EXPECT_EQ(seconds_to_nanos(0).value(), 0);
  EXPECT_EQ(seconds_to_nanos(-0.0).value(), 0);
  EXPECT_EQ(seconds_to_nanos(1).value(), kSecond);
  EXPECT_EQ(seconds_to_nanos(0.1).value(), 100 * kMillisecond);
  EXPECT_EQ(seconds_to_nanos(1e-9).value(), 1);
  EXPECT_EQ(seconds_to_nanos(1.6e-9).value(), 2);
  EXPECT_EQ(seconds_to_nanos(1e-300).value(), 0);
  EXPECT_EQ(seconds_to_nanos(100.0 * 365 * 86400).value(), kHundredYears);
}

TEST(SecondsToNanos, RefusesWhatIsNoDuration) {
  using Limits = std::numeric_limits<double>;
  for (const double seconds : {-1.0, -1e-9, -Limits::infinity(), Limits::infinity(), Limits::quiet_NaN(), Limits::max(),
                               3153600001.0, 1e300}) {
    const auto duration = seconds_to_nanos(seconds);
    ASSERT_FALSE(duration) << seconds;
    EXPECT_EQ(duration.error().code, Errc::invalid);
  }
}

TEST(FormatDuration, TakesTheLargestUnitThatIsExact) {
  EXPECT_EQ(format_duration(0), "0");
  EXPECT_EQ(format_duration(1), "1ns");
  EXPECT_EQ(format_duration(999), "999ns");
  EXPECT_EQ(format_duration(1'000), "1us");
  EXPECT_EQ(format_duration(1'001), "1001ns");
  EXPECT_EQ(format_duration(500 * kMillisecond), "500ms");
  EXPECT_EQ(format_duration(30 * kSecond), "30s");
  EXPECT_EQ(format_duration(1'500 * kMillisecond), "1500ms");
  EXPECT_EQ(format_duration(kHundredYears), "3153600000s");
}

TEST(FormatDuration, IsReadBackByParseDuration) {
  Random random(11);
  for (unsigned bits = 0; bits < 53; ++bits) {
    for (int i = 0; i < 50; ++i) {
      const auto nanos = static_cast<Nanos>(random.below(std::uint64_t{1} << bits));
      ASSERT_EQ(parse_duration(format_duration(nanos)).value(), nanos);
    }
  }
  for (Nanos seconds = 1; seconds <= 3'153'600'000; seconds *= 3) {
    ASSERT_EQ(parse_duration(format_duration(seconds * kSecond)).value(), seconds * kSecond);
  }
}

TEST(HumanBytes, ShowsOneDigitAfterThePoint) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1), "1 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1024), "1.0 KiB");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(human_bytes(12.3 * 1024 * 1024), "12.3 MiB");
  EXPECT_EQ(human_bytes(1.5 * (1ULL << 30)), "1.5 GiB");
  EXPECT_EQ(human_bytes(std::ldexp(1, 40)), "1.0 TiB");
  EXPECT_EQ(human_bytes(std::ldexp(1, 50)), "1.0 PiB");
}

TEST(HumanBytes, StaysWithTheLargestUnit) {
  EXPECT_EQ(human_bytes(std::ldexp(1, 60)), "1024.0 PiB");
}

std::chrono::system_clock::time_point at_millis(std::int64_t millis) {
  return std::chrono::system_clock::time_point(std::chrono::milliseconds(millis));
}

TEST(FormatTime, IsRfc3339InUtc) {
  EXPECT_EQ(format_time(at_millis(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_time(at_millis(1)), "1970-01-01T00:00:00.001Z");
  EXPECT_EQ(format_time(at_millis(999)), "1970-01-01T00:00:00.999Z");
  EXPECT_EQ(format_time(at_millis(1'000)), "1970-01-01T00:00:01.000Z");
  EXPECT_EQ(format_time(at_millis(951'782'400'050)), "2000-02-29T00:00:00.050Z");
  EXPECT_EQ(format_time(at_millis(1'234'567'890'123)), "2009-02-13T23:31:30.123Z");
  EXPECT_EQ(format_time(at_millis(2'147'483'648'000)), "2038-01-19T03:14:08.000Z");
}

TEST(FormatTime, CutsWhatIsBelowAMillisecond) {
  EXPECT_EQ(format_time(at_millis(1) + std::chrono::microseconds(999)), "1970-01-01T00:00:00.001Z");
}

// The remainder of a negative count is negative.
TEST(FormatTime, KnowsTheTimeBefore1970) {
  EXPECT_EQ(format_time(at_millis(-1)), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(format_time(at_millis(-1'500)), "1969-12-31T23:59:58.500Z");
}

}  // namespace
}  // namespace spliced::util
