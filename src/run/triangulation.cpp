// SPDX-License-Identifier: Apache-2.0
#include "triangulation.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "spliced/util/page_buffer.h"
#include "spliced/util/unique_fd.h"

namespace spliced::run {

using util::Nanos;

namespace {

constexpr Nanos kLater = util::kSecond;
// Nothing that anybody writes.
constexpr std::array<std::uint64_t, 4> kPoison{0x9d3c5b1f07e2a864, 0x21f8c6d0b4937a5e, 0xe5407b92c81d36af,
                                               0x6ab1f4230d9e875c};

constexpr std::size_t kEngine = 0, kPsync = 1, kCache = 2, kLaterEngine = 3;

}  // namespace

void poison(std::span<std::byte> buffer) {
  for (std::size_t at = 0; at + verify::kSector <= buffer.size(); at += verify::kSector) {
    std::memcpy(buffer.data() + at, kPoison.data(), sizeof kPoison);
  }
}

bool is_poisoned(std::span<const std::byte> buffer) {
  for (std::size_t at = 0; at + verify::kSector <= buffer.size(); at += verify::kSector) {
    if (std::memcmp(buffer.data() + at, kPoison.data(), sizeof kPoison) != 0) return false;
  }
  return !buffer.empty();
}

// What is compared, and the aligned range around it that is read.
struct Triangulation::Place {
  std::span<const std::byte> found, expected;
  std::uint64_t begin = 0;
  std::size_t length = 0;
  std::size_t into = 0;  // where what is compared begins in it
};

Triangulation::Result Triangulation::run(std::uint64_t offset, std::span<const std::byte> found,
                                         std::span<const std::byte> expected) const {
  const std::uint64_t unit = std::max<std::uint64_t>(with_.alignment, verify::kSector);
  Place place{found, expected, offset / unit * unit, 0, 0};
  place.length = util::round_up(offset + found.size(), unit) - place.begin;
  place.into = offset - place.begin;
  util::Clock& clock = with_.environment.clock;
  const engine::Options plain = engine::PsyncOptions{};
  const std::string own(engine::kind_of(with_.options).name());
  Result out;
  std::vector<Try> tries;
  const auto note = [&](std::string way, const Try& one) {
    out.rereads.push_back({std::move(way), result_of(one)});
    tries.push_back(one);
  };
  with_.since = clock.now();
  note(own, by_engine(with_.options, place));
  note(std::string(engine::kind_of(plain).name()), by_engine(plain, place));
  note("cache", through_cache(place));
  with_.since = 0;
  clock.sleep_until(clock.now() + kLater);
  with_.since = clock.now();
  note(own + " after 1 s", by_engine(with_.options, place));
  with_.since = 0;
  out.finding = conclude(tries, std::holds_alternative<engine::PsyncOptions>(with_.options));
  return out;
}

Triangulation::Try Triangulation::by_engine(const engine::Options& options, const Place& place) const {
  auto buffer = util::PageBuffer::allocate(place.length);
  if (!buffer) return {Outcome::failed, ENOMEM};
  poison({buffer->data(), place.length});
  engine::EngineConfig config;
  config.options = options;
  config.fd = with_.fd;
  config.block_device = with_.block_device;
  const engine::Kind& kind = engine::kind_of(options);
  const engine::Load load{place.length, true};
  config.settings.fill(kind.candidates(options, load, {kLargestGrant, kLargestGrant}).front());
  config.read_buffer = place.length;
  const auto engine = with_.environment.engines(config, with_.environment.clock, {});
  engine::IoSlot slot;
  slot.op = util::Op::read;
  slot.offset = place.begin;
  slot.length = place.length;
  slot.buffer = buffer->data();
  std::array<engine::IoSlot*, 1> slots{&slot};
  if (engine->submit(slots) != 1 || engine->reap(slots, 1, 0) != 1) return {Outcome::failed, EIO};
  Try out{Outcome::failed, slot.error};
  if (slot.outcome == engine::Outcome::done && slot.data != nullptr) out = compare(slot.data, place);
  engine->release();
  return out;
}

// Through another description of the file, which is not open for direct I/O; in this thread's own table.
Triangulation::Try Triangulation::through_cache(const Place& place) const {
  const util::UniqueFd fd(
      ::open(fmt::format("/proc/thread-self/fd/{}", with_.fd).c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return {Outcome::failed, errno};
  auto buffer = util::PageBuffer::allocate(place.length);
  if (!buffer) return {Outcome::failed, ENOMEM};
  poison({buffer->data(), place.length});
  (void)::posix_fadvise(fd.get(), static_cast<off_t>(place.begin), static_cast<off_t>(place.length),
                        POSIX_FADV_DONTNEED);
  for (std::size_t done = 0; done < place.length;) {
    const ssize_t got =
        ::pread(fd.get(), buffer->data() + done, place.length - done, static_cast<off_t>(place.begin + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return {Outcome::failed, errno};
    if (got == 0) return {Outcome::failed, ENODATA};
    done += static_cast<std::size_t>(got);
  }
  return compare(buffer->data(), place);
}

Triangulation::Try Triangulation::compare(const std::byte* data, const Place& place) {
  const std::span<const std::byte> now(data + place.into, place.found.size());
  if (std::equal(now.begin(), now.end(), place.expected.begin())) return {Outcome::right, 0};
  if (is_poisoned(now)) return {Outcome::nothing, 0};
  return {std::equal(now.begin(), now.end(), place.found.begin()) ? Outcome::same : Outcome::other, 0};
}

std::string Triangulation::result_of(const Try& one) {
  switch (one.outcome) {
    case Outcome::right: return "right";
    case Outcome::same: return "same";
    case Outcome::other: return "other";
    case Outcome::nothing: return "nothing";
    case Outcome::failed: break;
  }
  return util::errno_name(one.error);
}

// A way that failed says nothing.
Finding Triangulation::conclude(const std::vector<Try>& tries, bool own_is_psync) {
  const auto all = [&](auto holds) {
    return std::all_of(tries.begin(), tries.end(),
                       [&](const Try& one) { return one.outcome == Outcome::failed || holds(one.outcome); });
  };
  const auto is = [&](std::size_t index, Outcome wanted) { return tries[index].outcome == wanted; };
  if (all([](Outcome) { return false; })) return Finding::untried;
  if (is(kPsync, Outcome::nothing) || is(kCache, Outcome::nothing)) return Finding::nothing;
  if (all([](Outcome one) { return one == Outcome::right; })) return Finding::read_path;
  if (all([](Outcome one) { return one == Outcome::same; })) return Finding::medium;
  const auto is_wrong = [&](std::size_t index) { return !is(index, Outcome::right) && !is(index, Outcome::failed); };
  // Where one engine reads now right and now wrong, it is not that engine.
  const bool engine_wrong = !own_is_psync && is_wrong(kEngine) && is_wrong(kLaterEngine);
  if (engine_wrong && is(kPsync, Outcome::right) && is(kCache, Outcome::right)) return Finding::engine;
  return Finding::unstable;
}

}  // namespace spliced::run
