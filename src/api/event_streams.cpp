// SPDX-License-Identifier: Apache-2.0
#include "event_streams.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include "event_text.h"
#include "http/feed.h"
#include "responses.h"
#include "spliced/util/threads.h"

namespace spliced::api {

using http::Feed;
using http::problem;
using http::Request;
using http::Response;
using util::Nanos;

namespace {

constexpr std::size_t kPage = 500;             // events that are read at a time
constexpr Nanos kSilence = 5 * util::kSecond;  // of a job that does not run, after which no event will come
constexpr std::uint64_t kRestart = 1 << 20;    // ids that are missing at the start of a daemon, at least: see EventLog

// Whether nothing more can happen to the job.
bool ends(const job::Event& event) {
  return event.kind == job::EventKind::forgotten || (job::is_of_state(event.kind) && job::is_final(event.state));
}

std::optional<std::uint64_t> number_in(const std::string& text) {
  std::uint64_t out = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out);
  return error == std::errc() && stop == end && !text.empty() ? std::optional(out) : std::nullopt;
}

}  // namespace

struct EventStreams::Stream {
  Stream(std::string of, std::uint64_t from)
      : job(std::move(of)), feed(std::make_shared<Feed>(kNoEvent)), after(from), told(util::system_clock().now()) {}
  const std::string job;  // "": all
  const std::shared_ptr<Feed> feed;
  std::uint64_t after;  // the id of the event that it heard of last
  Nanos told;           // when
  bool live = false;    // it has heard of all that there was
};

// Those that there are, and what they are told. Thread-safe; called by whoever publishes events, too.
class EventStreams::Streams {
 public:
  using StreamPtr = std::shared_ptr<Stream>;

  // false: there are too many.
  [[nodiscard]] bool add(const StreamPtr& stream) {
    const std::lock_guard lock(mutex_);
    std::erase_if(all_, [](const StreamPtr& one) { return !one->feed->is_read(); });
    if (all_.size() >= kMost) return false;
    all_.push_back(stream);
    changed_.notify_all();
    return true;
  }

  void publish(const job::Event& event) {
    const std::lock_guard lock(mutex_);
    std::string text;
    for (const StreamPtr& one : all_) {
      if (!one->live || (!one->job.empty() && one->job != event.job) || event.id <= one->after) continue;
      if (text.empty()) text = event_text(event);
      tell(*one, text);
      one->after = event.id;
      if (!one->job.empty() && ends(event)) one->feed->end();
    }
  }

  // From now on the stream hears of what happens, if it has heard of all before: `heard` says so, while nothing can be
  // published to it.
  [[nodiscard]] bool go_live(Stream& stream, const std::function<bool()>& heard) {
    const std::lock_guard lock(mutex_);
    return stream.live = heard();
  }

  // What those that run have done, and a sign of life for those who hear of none.
  void tell_progress(const std::vector<job::JobSummary>& jobs) {
    std::map<std::string, std::string> texts;
    for (const auto& job : jobs) texts.emplace(job.id, progress_text(job));
    const Nanos now = util::system_clock().now();
    const std::lock_guard lock(mutex_);
    std::erase_if(all_, [](const StreamPtr& one) { return !one->feed->is_read(); });
    for (const StreamPtr& one : all_) {
      if (!one->live) continue;
      for (const auto& [id, text] : texts) {
        if (one->job.empty() || one->job == id) tell(*one, text);
      }
      if (now - one->told >= kHeartbeat) tell(*one, kNoEvent);
      // Its end was told before there were events, or is not known any more.
      if (!one->job.empty() && !texts.contains(one->job) && now - one->told >= kSilence) one->feed->end();
    }
  }

  // Returns when there are any, or it is to stop.
  void wait_for_any(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop, [this] { return !all_.empty(); });
  }
  void wait(const std::stop_token& stop, Nanos time) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, std::chrono::nanoseconds(time), [] { return false; });
  }

 private:
  static void tell(Stream& stream, std::string_view text) {
    (void)stream.feed->push(text);  // one that does not take it is dropped, and erased next time
    stream.told = util::system_clock().now();
  }
  std::mutex mutex_;  // guards the rest, and of each stream what is not const, once it is live
  std::condition_variable_any changed_;
  std::vector<StreamPtr> all_;
};

// What happened before, read as the client takes it: on threads that may wait for the state directory.
class EventStreams::Replay {
 public:
  struct Parts {
    job::JobService& service;
    std::shared_ptr<Streams> streams;
    std::shared_ptr<Stream> stream;
    bool follows;     // what happens later, too
    bool tells_lost;  // it goes on from an event
  };
  explicit Replay(Parts parts) : with_(std::move(parts)) {}

  bool operator()(std::string& out) {
    if (std::exchange(first_, false)) out += kComeAgain;
    Stream& stream = *with_.stream;
    const auto page = with_.service.events(stream.after, kPage, stream.job);
    if (!page) throw std::runtime_error(page.error().message);
    for (const job::Event& event : page->events) {
      if (tell(event, out)) return end();
    }
    if (!page->events.empty()) return true;
    if (!with_.follows) return end();
    const auto heard = [&] {
      const auto newer = with_.service.recent_events(stream.after, 1, stream.job);
      return newer.events.empty();
    };
    return !with_.streams->go_live(stream, heard);
  }

 private:
  // Whether that was the last.
  bool tell(const job::Event& event, std::string& out) {
    Stream& stream = *with_.stream;
    const std::uint64_t gap = event.id - stream.after - 1;
    if (with_.tells_lost && stream.job.empty() && gap > 0 && gap < kRestart) out += lost_text(gap);
    out += event_text(event);
    stream.after = event.id;
    return !stream.job.empty() && ends(event);
  }
  bool end() {
    with_.stream->feed->end();
    return false;
  }
  const Parts with_;
  bool first_ = true;
};

EventStreams::EventStreams(job::JobService& service)
    : service_(service),
      streams_(std::make_shared<Streams>()),
      subscription_(service.on_event([streams = streams_](const job::Event& event) { streams->publish(event); })) {}

void EventStreams::tell_progress(const std::stop_token& stop) {
  util::name_this_thread("event-streams");
  job::JobFilter running;
  running.active = true;
  for (;;) {
    streams_->wait_for_any(stop);
    if (stop.stop_requested()) return;
    streams_->tell_progress(service_.list(running));
    streams_->wait(stop, kProgress);
  }
}

// Throws std::system_error where the system has no thread to give; next time it may.
void EventStreams::start() {
  const std::lock_guard lock(mutex_);
  if (thread_.joinable()) return;
  thread_ = std::jthread([this](const std::stop_token& stop) { tell_progress(stop); });
}

EventStreams::~EventStreams() = default;

Response EventStreams::open(const Request& request, const std::string& job) {
  const std::string follow = request.query_value("follow");
  if (!follow.empty() && follow != "true" && follow != "false") {
    return problem(400, fmt::format("query follow=\"{}\": true or false is expected", follow));
  }
  const auto field = request.fields.find("last-event-id");
  const auto given = field == request.fields.end() ? std::nullopt : number_in(field->second);
  if (field != request.fields.end() && !field->second.empty() && !given) {
    return problem(400, fmt::format("Last-Event-ID is \"{}\"; the id of an event is expected", field->second));
  }
  const bool follows = follow != "false";
  // One of a job begins at its beginning; one of all with what comes.
  const std::uint64_t last = service_.last_event();
  const std::uint64_t after = std::min(given.value_or(job.empty() && follows ? last : 0), last);
  if (!job.empty()) {
    const auto known = service_.wait(job, 0, {});
    if (!known) return answer_error(known.error());
    if (given && follows && after > 0) {
      const auto seen = service_.events(after - 1, 2, known->id);
      if (!seen) return answer_error(seen.error());
      Response nothing;
      nothing.status = 204;  // the client need not come again (HTML, 9.2.3)
      const auto& events = seen->events;
      if (events.size() == 1 && events.front().id == after && ends(events.front())) return nothing;
    }
    return begin(known->id, after, {follows, given.has_value()});
  }
  return begin("", after, {follows, given.has_value()});
}

Response EventStreams::begin(const std::string& job, std::uint64_t after, Way way) {
  try {
    start();
  } catch (const std::system_error&) {
    return answer_error({util::Errc::exhausted, "the system has no thread to give", 0, {}});
  }
  const auto stream = std::make_shared<Stream>(job, after);
  if (!streams_->add(stream)) {
    Response refusal = problem(429, fmt::format("{} clients follow events already", kMost));
    refusal.headers.emplace_back("Retry-After", "10");
    return refusal;
  }
  Response response;
  response.content_type = "text/event-stream";
  response.headers.emplace_back("Cache-Control", "no-store");
  response.more = Replay({service_, streams_, stream, way.follows, way.goes_on});
  response.feed = stream->feed;
  return response;
}

}  // namespace spliced::api
