// SPDX-License-Identifier: Apache-2.0
// What a stream writes and checks: what it tells the history of its device, and what it expects to read.
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "io_stream.h"
#include "spliced/device/identity.h"
#include "spliced/util/hex.h"
#include "spliced/util/random.h"

namespace spliced::run {

using workload::BlockRange;

namespace {

constexpr std::size_t kLargestRead = 1 << 20;
constexpr std::uint64_t kLeastRead = 4096;  // any device takes that
constexpr std::uint64_t kHeaderLooks = 64;
// A pass that was cut off at any time is taken for a whole one once in 300 times. A disk on which that takes longer
// than kLongestLook, without pauses, is taken not to be whole.
constexpr std::uint64_t kLooks = 1000;
constexpr unsigned kMostLost = 2;
constexpr unsigned kLongestGap = 4;
constexpr util::Nanos kLongestLook = 60 * util::kSecond;
constexpr std::uint64_t kMostListed = 100;

}  // namespace

std::optional<std::uint64_t> IoStream::own_device() const {
  const bool has_number = !device::known_by(facts().info).empty();
  return has_number ? std::optional(setup_.origin.device) : std::nullopt;
}

void IoStream::prepare_history() {
  if (series_) setup_.history.add(series_);
  switch (io_.check.reads) {
    case CheckSpec::What::found:
      found_ = std::make_unique<FoundData>(
          FoundData::Wanted{io_.check.run, io_.check.seed, own_device(), io_.check.payload});
      break;
    case CheckSpec::What::own: own_ = std::make_unique<OwnData>(setup_.history, series_.get()); break;
    case CheckSpec::What::nothing:
      if (io_.check.writes) own_ = std::make_unique<OwnData>(setup_.history, series_.get());
  }
  checks_unmarked_ = io_.check.reads == CheckSpec::What::own && setup_.history.has_unmarked_in(source_.range());
}

namespace {

// Reads the target here and there, while the job is not paused, and nothing after it was stopped. What cannot be read
// is told of when it is checked.
class Samples {
 public:
  struct Parts {
    int fd;
    BlockRange range;
    std::byte* buffer;
    PauseGate& gate;
    util::Clock& clock;
    std::atomic<util::Nanos>& since;  // is set while it waits for the device
    const std::stop_token& stop;
  };
  explicit Samples(const Parts& parts) : with_(parts) {}
  // How many parts of so many bytes it has, at multiples of that.
  [[nodiscard]] std::uint64_t count(std::uint64_t bytes) const {
    return with_.range.size == 0 ? 0 : (end() - 1) / bytes - with_.range.offset / bytes + 1;
  }
  [[nodiscard]] std::uint64_t offset_of(std::uint64_t index, std::uint64_t bytes) const {
    return std::max(with_.range.offset, (with_.range.offset / bytes + index) * bytes);
  }
  // Of the clock, without pauses.
  [[nodiscard]] util::Nanos now() const {
    const util::Nanos now = with_.clock.now();
    return now - with_.gate.closed_time(now);
  }
  [[nodiscard]] std::span<const std::byte> read(std::uint64_t offset, std::uint64_t most) const {
    const std::uint64_t bytes = std::min({most - offset % most, end() - offset, std::uint64_t{kLargestRead}});
    ssize_t got = 0;
    do {
      with_.gate.pass(with_.stop);
      if (with_.stop.stop_requested()) return {};
      with_.since = with_.clock.now();
      got = ::pread(with_.fd, with_.buffer, bytes, static_cast<off_t>(offset));
    } while (got < 0 && errno == EINTR);
    with_.since = 0;
    return {with_.buffer, got > 0 ? static_cast<std::size_t>(got) / verify::kSector * verify::kSector : 0};
  }

 private:
  [[nodiscard]] std::uint64_t end() const { return with_.range.offset + with_.range.size; }
  const Parts with_;
};

// Whether all of the range was written, by places that are spread over it, and its end. Some may be lost: that is
// damage.
bool is_whole(const FoundData& found, const Samples& samples) {
  const std::uint64_t bytes = std::max<std::uint64_t>(found.image()->interval(), kLeastRead);
  const util::Nanos begun = samples.now();
  const std::uint64_t count = samples.count(bytes);
  const std::uint64_t step = std::max<std::uint64_t>(1, count / kLooks);
  unsigned lost = 0, in_a_row = 0;
  for (std::uint64_t at = 0; at < count && lost <= kMostLost; at += step) {
    if (samples.now() - begun > kLongestLook) return false;
    const std::uint64_t offset = samples.offset_of(std::min(at + util::mix64(at) % step, count - 1), bytes);
    const auto data = samples.read(offset, bytes);
    const bool is_lost = !data.empty() && !found.has_trace_in(data, offset);
    in_a_row = is_lost ? in_a_row + 1 : 0;
    if (in_a_row == 1 || in_a_row > kLongestGap) ++lost;  // a few beside each other are one
  }
  const std::uint64_t last = samples.offset_of(count - 1, bytes);
  const auto data = samples.read(last, bytes);
  return lost <= kMostLost && (data.empty() || found.has_trace_in(data, last));
}

}  // namespace

// The other workers wait for the first one.
bool IoStream::before_io(std::atomic<util::Nanos>& since, const std::stop_token& stop) {
  if (!found_) return true;
  std::call_once(look_, [&] {
    if (auto status = look_for_data(since, stop); !status) return on_refusal(status.error().message);
    looked_.store(true, std::memory_order_release);
  });
  return looked_;
}

util::Status IoStream::look_for_data(std::atomic<util::Nanos>& since, const std::stop_token& stop) {
  auto buffer = util::PageBuffer::allocate(kLargestRead);
  if (!buffer) return tl::unexpected(util::with_context(buffer.error(), "buffer to look for data with"));
  const Samples samples({setup_.target.open->fd.get(), source_.range(), buffer->data(), setup_.gate,
                         setup_.environment.clock, since, stop});
  const std::uint64_t count = samples.count(kLargestRead);
  const std::uint64_t step = std::max<std::uint64_t>(1, count / kHeaderLooks);
  bool known = false;
  for (std::uint64_t at = 0; !known && at < count; at += step) {
    const std::uint64_t offset = samples.offset_of(at, kLargestRead);
    known = found_->learn(samples.read(offset, kLargestRead), offset);
  }
  if (known) found_->set_whole(io_.check.complete || is_whole(*found_, samples));
  return {};
}

void IoStream::on_error(const engine::IoSlot& slot, ErrorClass error_class) {
  owner_.on_error(slot, error_class);
}

void IoStream::on_doubt(const engine::IoSlot& slot) {
  if (series_ && slot.position != workload::kNoPosition) series_->doubts().add(slot.position, slot.position + 1);
}

void IoStream::on_flushed() {
  if (series_) series_->flushed(noted_);
}

// The kernel tells once that something did not reach the medium (fsync(2)): of all that was written since the last time
// that went well, nobody knows.
void IoStream::flush_failed() {
  if (series_) series_->flush_failed(source_.cursor().position);
}

std::uint32_t IoStream::end_history() {
  if (!series_) return 0;
  series_->end(source_.cursor());
  return static_cast<std::uint32_t>(series_->rounds());
}

void IoStream::add_to(VerifySnapshot& out) const {
  if (series_) {
    out.indeterminate_ranges += series_->doubts().ranges();
    series_->list_doubts(out.indeterminate, kMostListed);
  }
  for (const auto& [pass, bytes] : before_.passes) out.passes[pass] += bytes;
  if (!found_ || !looked_.load(std::memory_order_acquire)) return;
  for (const auto& worker : workers_) {
    if (const LiveVerify* verified = worker->verified()) verified->passes.add_to(out.passes);
  }
  const verify::Image* image = found_->image();
  if (image == nullptr) return;
  out.adopted_run_id = util::format_uuid(image->origin().run);
  out.adopted_seed = image->origin().seed;
}

}  // namespace spliced::run
