// SPDX-License-Identifier: Apache-2.0
// splicectl run and wait: watch a job until it has ended.
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <optional>

#include "commands.h"
#include "interruption.h"
#include "spliced/util/hex.h"
#include "text.h"

namespace spliced::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRefresh = 500;  // milliseconds, on a terminal and of the look whether the job has ended
constexpr auto kRestart = std::chrono::minutes(5);  // for a daemon that answered before to answer again
constexpr auto kResend = std::chrono::seconds(10);  // for one that was sent a job, and whose answer was lost

bool has_ended(const Json& job) {
  return is_final(text_of(job, "state"));
}

std::size_t columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

// On stderr: one line over and over on a terminal, else a line now and then.
class Progress {
 public:
  explicit Progress(unsigned interval) : interval_(interval) {}
  ~Progress() { clear(); }
  void show(const Json& job) {
    if (terminal_) {
      // The last column stays free: some terminals go to the next line as soon as it is filled.
      fmt::print(stderr, "\r\033[K{}", progress_line(job, columns() - 1));
      shown_ = true;
    } else if (interval_.count() != 0 && Clock::now() >= next_) {
      fmt::print(stderr, "{}\n", progress_line(job));
      next_ = Clock::now() + interval_;
    }
  }
  void clear() {
    if (shown_) fmt::print(stderr, "\r\033[K");
    shown_ = false;
  }

 private:
  const bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  const std::chrono::seconds interval_;
  Clock::time_point next_ = Clock::now() + interval_;
  bool shown_ = false;
};

class Watch {
 public:
  Watch(const Context& context, std::string id, Interruption& interruption, bool cancels)
      : context_(context), id_(std::move(id)), interruption_(interruption), cancels_(cancels) {
    interruption_.set_words(cancels ? fmt::format("cancelling job {}; again to leave at once", id_) : "leaving",
                            fmt::format("job {} runs on; splicectl cancel {} stops it", id_, id_));
  }

  // The job when it has ended, or when the user wants to know no more and it goes on.
  util::Result<Answer> run() {
    for (;;) {
      auto answer = interruption_.ask([&] { return context_.client.get("/v1/jobs/" + escaped(id_)); });
      if (!answer && may_come_back()) continue;
      if (!answer || answer->status != 200 || has_ended(answer->body)) return answer;
      heard_ = Clock::now();
      silent_ = false;
      if (interruption_.wanted() && !cancels_) return answer;
      if (interruption_.wanted() && !cancelled_) {
        auto told = interruption_.ask([&] { return context_.client.post("/v1/jobs/" + escaped(id_) + ":cancel", ""); });
        if (!told || told->status / 100 != 2) return told;  // it says why the job goes on
        cancelled_ = true;
      } else {
        progress_.show(answer->body);
        interruption_.wait(cancelled_ ? kRefresh / 5 : kRefresh);
      }
    }
  }

 private:
  // An upgrade restarts the daemon, and a job goes on without it for no longer than that takes.
  bool may_come_back() {
    if (!heard_ || Clock::now() - *heard_ > kRestart || interruption_.wanted()) return false;
    if (!silent_) {
      progress_.clear();
      fmt::print(stderr, "splicectl: the daemon does not answer; trying again\n");
    }
    silent_ = true;
    interruption_.wait(kRefresh);
    return true;
  }

  const Context& context_;
  const std::string id_;
  Interruption& interruption_;
  const bool cancels_;  // a signal cancels the job, rather than that it is left alone
  bool cancelled_ = false;
  std::optional<Clock::time_point> heard_;  // from the daemon, last
  bool silent_ = false;                     // it does not answer
  Progress progress_{context_.progress};
};

int verdict_code(const Json& job) {
  const std::string verdict = text_of(job, "verdict");
  if (verdict == "INCONCLUSIVE") return kInconclusive;
  return verdict == "PASS" ? kPassed : verdict == "FAIL" ? kFailed : kUndecided;
}

int watch(const Context& context, const std::string& id, Interruption& interruption, bool cancels) {
  const auto ended = Watch(context, id, interruption, cancels).run();
  if (!ended) return no_daemon(ended.error());
  if (ended->status != 200) return refused(context, *ended);
  if (!has_ended(ended->body)) {
    fmt::print(stderr, "job {} runs on\n", id);
    return kUndecided;
  }
  if (context.json) {
    print_json(ended->body);
  } else {
    fmt::print("{}", job_text(ended->body, context.style));
  }
  return verdict_code(ended->body);
}

}  // namespace

// Under an id of its own, so that it can be sent again without making a second job.
int run(const Context& context, const Wanted& wanted) {
  const auto definition = definition_of(wanted);
  if (!definition) return unreadable(definition.error());
  Interruption interruption;
  interruption.set_words("the daemon has not answered yet: the job is cancelled when it has; again to leave at once",
                         "the daemon had not answered: the job may have been submitted; see splicectl list");
  const std::string own_id = util::random_uuid();
  const auto send = [&] { return context.client.put_new("/v1/jobs/" + own_id, *definition); };
  auto created = interruption.ask(send);
  bool sent = false;
  for (const auto end = Clock::now() + kResend; !created && Clock::now() < end && !interruption.wanted();) {
    sent = sent || context.client.may_have_sent();
    if (!sent) break;
    interruption.wait(kRefresh);
    created = interruption.ask(send);
  }
  if (!created) return no_daemon(created.error());
  const bool is_there = created->status == 412 && sent;
  if (created->status != 201 && !is_there) return refused(context, *created);
  const std::string id = is_there ? own_id : text_of(created->body, "id");
  fmt::print(stderr, "job {}\n", id);
  return watch(context, id, interruption, true);
}

int wait(const Context& context, const std::string& id) {
  Interruption interruption;
  return watch(context, id, interruption, false);
}

}  // namespace spliced::cli
