// splicectl run: submit, watch, and stop the job when the user has had enough.
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "commands.h"
#include "spliced/util/unique_fd.h"
#include "text.h"

namespace spliced::cli {
namespace {

constexpr int kRefresh = 500;  // milliseconds

// SIGINT and SIGTERM as a descriptor, so that they are seen between requests and end none in the middle.
util::UniqueFd catch_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGINT);
  ::sigaddset(&set, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  return util::UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC));
}

bool signalled(const util::UniqueFd& signals, int milliseconds) {
  pollfd fd{signals.get(), POLLIN, 0};
  if (::poll(&fd, 1, milliseconds) <= 0) return false;
  signalfd_siginfo info{};
  return ::read(signals.get(), &info, sizeof info) == sizeof info;
}

bool has_ended(const Json& job) {
  const std::string state = text_of(job, "state");
  return state != "PENDING" && state != "RUNNING" && state != "STOPPING";
}

class ProgressLine {
 public:
  ~ProgressLine() { clear(); }
  void show(const Json& job) {
    if (!terminal_) return;
    fmt::print(stderr, "\r\033[K{}", progress_line(job));
    shown_ = true;
  }
  void clear() {
    if (shown_) fmt::print(stderr, "\r\033[K");
    shown_ = false;
  }

 private:
  const bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  bool shown_ = false;
};

// Until the job has ended; a first signal cancels it.
util::Result<Answer> watch(const Context& context, const std::string& id, const util::UniqueFd& signals) {
  ProgressLine line;
  bool cancelled = false;
  for (;;) {
    auto answer = context.client.get("/v1/jobs/" + id);
    if (!answer || answer->status != 200 || has_ended(answer->body)) return answer;
    line.show(answer->body);
    if (!signalled(signals, cancelled ? kRefresh / 5 : kRefresh)) continue;
    line.clear();
    fmt::print(stderr, "cancelling job {}\n", id);
    const auto answered = context.client.post("/v1/jobs/" + id + ":cancel", "");
    if (!answered) return answered;
    cancelled = true;
  }
}

}  // namespace

int run(const Context& context, const std::string& file) {
  const auto definition = read_definition(file);
  if (!definition) {
    fmt::print(stderr, "splicectl: {}\n", definition.error().message);
    return kUsage;
  }
  const util::UniqueFd signals = catch_signals();
  const auto created = context.client.post("/v1/jobs", *definition);
  if (!created) return no_daemon(created.error());
  if (created->status != 201) return refused(context, *created);
  const auto ended = watch(context, text_of(created->body, "id"), signals);
  if (!ended) return no_daemon(ended.error());
  if (ended->status != 200) return refused(context, *ended);
  fmt::print("{}", context.json ? ended->body.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"
                                : job_text(ended->body));
  return text_of(ended->body, "verdict") == "PASS" ? kPassed : kFailed;
}

}  // namespace spliced::cli
