// SPDX-License-Identifier: Apache-2.0
// splicectl events: what happened to jobs, line by line.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdio>
#include <thread>

#include "commands.h"
#include "event_reader.h"
#include "text.h"

namespace spliced::cli {
namespace {

constexpr auto kRetry = std::chrono::seconds(1);

std::string line_of(const ServerEvent& event, const Json& data) {
  if (event.kind == "lost") return fmt::format("{} events are not known any more", data.value("events", 0));
  std::string out = fmt::format("{:<24}  {}  {:<10}", text_of(data, "at"), text_of(data, "job"), event.kind);
  const std::string state = text_of(data, "state"), verdict = text_of(data, "verdict"),
                    reason = text_of(data, "reason");
  if (event.kind == "progress") {
    return out + fmt::format("  {} {:.1f} %", state,
                             100 * (data.at("progress").is_number() ? data.at("progress").get<double>() : 0));
  }
  const bool is_of_device = data.contains("device");
  if (!is_of_device && !state.empty()) out += "  " + state + (verdict.empty() ? "" : " " + verdict);
  if (!reason.empty()) out += (is_of_device ? "  " : ": ") + reason;
  return out;
}

// Prints events as they come; knows the last one.
class Teller {
 public:
  explicit Teller(const Context& context) : context_(context) {}
  bool take(std::string_view text) {
    reader_.take(text, [this](const ServerEvent& event) { tell(event); });
    return true;
  }
  // Where a stream broke off in the middle of an event, that one comes again.
  void begin() { reader_ = {}; }
  [[nodiscard]] const std::string& last() const { return last_; }
  [[nodiscard]] bool has_ended() const { return ended_; }  // the job, of which nothing more will come

 private:
  void tell(const ServerEvent& event) {
    if (!event.id.empty()) last_ = event.id;
    if (event.kind == "progress" && !context_.style.verbose) return;
    const Json data = Json::parse(event.data, nullptr, false);
    if (!data.is_object()) return;
    ended_ = event.kind == "forgotten" || (!data.contains("device") && is_final(text_of(data, "state")));
    if (context_.json) {
      Json whole = {{"event", event.kind}};
      whole.update(data);
      fmt::print("{}\n", whole.dump(-1, ' ', false, Json::error_handler_t::replace));
    } else {
      fmt::print("{}\n", line_of(event, data));
    }
    std::fflush(stdout);
  }
  const Context& context_;
  EventReader reader_;
  std::string last_;
  bool ended_ = false;
};

}  // namespace

int events(const Context& context, const std::string& id, bool follow) {
  const std::string path =
      (id.empty() ? "/v1/events" : "/v1/jobs/" + escaped(id) + "/events") + (follow ? "" : "?follow=false");
  Teller teller(context);
  for (bool reached = false, complained = false;;) {
    teller.begin();
    const auto answer = context.client.follow(path, teller.last(), [&](std::string_view text) {
      reached = true;
      complained = false;
      return teller.take(text);
    });
    if (answer && answer->status >= 400 && answer->status != 503) return refused(context, *answer);
    if (answer && answer->status == 204) return kPassed;  // all has been seen before
    if (answer && answer->status < 400 && (!follow || (!id.empty() && teller.has_ended()))) return kPassed;
    if (!answer && (!follow || !reached)) return no_daemon(answer.error());
    if (answer && !follow) return refused(context, *answer);
    if (!complained) fmt::print(stderr, "splicectl: the daemon has ended, or does not answer; trying again\n");
    complained = true;
    std::this_thread::sleep_for(kRetry);
  }
}

}  // namespace spliced::cli
