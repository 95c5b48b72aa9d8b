// SPDX-License-Identifier: Apache-2.0
#include "commands.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "spliced/util/text.h"
#include "spliced/util/units.h"
#include "text.h"

namespace spliced::cli {
namespace {

// What most commands do: ask, and print the answer as JSON or through `text`.
template <class Text>
int show_answer(const Context& context, const util::Result<Answer>& answer, Text&& text) {
  if (!answer) return no_daemon(answer.error());
  if (answer->status >= 400) return refused(context, *answer);
  if (context.json && !answer->body.is_null()) {
    print_json(answer->body);
  } else {
    fmt::print("{}", text(answer->body));
  }
  return kPassed;
}

std::string list_text(const Json& body) {
  std::string out = fmt::format("{:<36}  {:<11}  {:<7}  {:<24}  {}\n", "ID", "STATE", "VERDICT", "CREATED", "NAME");
  for (const Json& job : body.at("jobs")) {
    out += fmt::format("{:<36}  {:<11}  {:<7}  {:<24}  {}\n", text_of(job, "id"), text_of(job, "state"),
                       text_of(job, "verdict"), text_of(job, "created_at"), text_of(job, "name"));
  }
  return out;
}

// Of one, or of a list.
std::string devices_text(const Json& body) {
  std::string out =
      fmt::format("{:<12}  {:>10}  {:<24}  {:<20}  {}\n", "DEVICE", "SIZE", "MODEL", "SERIAL", "MAY BE WRITTEN");
  for (const Json& device : body.value("devices", Json::array({body}))) {
    std::string answer = device.at("may_write").get<bool>() ? "yes" : "no";
    for (const Json& reason : device.at("refusals"))
      answer += (answer == "no" ? ": " : "; ") + util::printable(reason.get<std::string>());
    out += fmt::format("{:<12}  {:>10}  {:<24}  {:<20}  {}\n", text_of(device, "device"),
                       util::human_bytes(device.at("capacity_bytes").get<double>()), text_of(device, "model"),
                       text_of(device, "serial"), answer);
  }
  return out;
}

// ", 30 s", or ", about 3h 10m", where it goes by what such devices usually do.
std::string estimate_text(const Json& planned) {
  const Json& seconds = planned.at("estimated_seconds");
  if (!seconds.is_number()) return "";
  if (!planned.value("estimate_is_rough", false)) return ", " + seconds_text(seconds.get<double>());
  return ", about " + eta_text(seconds.get<double>());
}

std::string planned_stage(const Json& stage) {
  const std::string time = estimate_text(stage);
  return fmt::format("  {:<16} {}{}\n", text_of(stage, "name"), util::human_bytes(stage.at("size_bytes").get<double>()),
                     time);
}

// What would be done to each target, or why nothing.
std::string plan_text(const Json& plan) {
  std::string out;
  for (const Json& error : plan.value("errors", Json::array())) {
    out += fmt::format("{}: {}\n", text_of(error, "pointer"), text_of(error, "detail"));
  }
  for (const Json& target : plan.at("targets")) {
    std::string reasons;
    for (const Json& reason : target.at("refusals")) reasons += "\n    " + util::printable(reason.get<std::string>());
    for (const Json& error : target.at("errors")) {
      reasons += fmt::format("\n    {}: {}", text_of(error, "pointer"), text_of(error, "detail"));
    }
    const std::string range =
        fmt::format("{} from offset {}{}{}", util::human_bytes(target.at("size_bytes").get<double>()),
                    target.at("offset_bytes").get<std::uint64_t>(),
                    target.at("would_create").get<bool>() ? ", would be created" : "", estimate_text(target));
    out += fmt::format("{}: {}\n", text_of(target, "target"), reasons.empty() ? range : "refused" + reasons);
    const Json& stages = target.at("stages");
    for (std::size_t i = 0; i < stages.size() && stages.size() > 1; ++i) out += planned_stage(stages[i]);
  }
  return out + (plan.at("accepted").get<bool>() ? "would be accepted\n" : "would be refused\n");
}

}  // namespace

void print_json(const Json& value) {
  fmt::print("{}\n", value.dump(2, ' ', false, Json::error_handler_t::replace));
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
                       c == '_' || c == '~' || (c == '.' && text.find_first_not_of('.') != text.npos);
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

int refused(const Context& context, const Answer& answer) {
  if (context.json) {
    print_json(answer.body);
    return kRefused;
  }
  if (!answer.body.is_object()) {
    fmt::print(stderr, "splicectl: the daemon answered with HTTP {}\n", answer.status);
    return kRefused;
  }
  fmt::print(stderr, "splicectl: {} ({})\n", text_of(answer.body, "detail"), answer.status);
  if (answer.status == 401) fmt::print(stderr, "  --token-file FILE, or --cert and --key, say who you are\n");
  for (const Json& error : answer.body.value("errors", Json::array())) {
    const std::string pointer = text_of(error, "pointer");
    fmt::print(stderr, "  {}{}{}\n", pointer, pointer.empty() ? "" : ": ", text_of(error, "detail"));
  }
  return kRefused;
}

int no_daemon(const util::Error& error) {
  fmt::print(stderr, "splicectl: {}\n", error.message);
  return kNoDaemon;
}

int unreadable(const util::Error& error) {
  fmt::print(stderr, "splicectl: {}\n", error.message);
  return kUsage;
}

int submit(const Context& context, const Wanted& wanted) {
  const auto definition = definition_of(wanted);
  if (!definition) return unreadable(definition.error());
  return show_answer(context, context.client.post("/v1/jobs", *definition),
                     [](const Json& job) { return text_of(job, "id") + "\n"; });
}

int validate(const Context& context, const Wanted& wanted) {
  const auto definition = definition_of(wanted);
  if (!definition) return unreadable(definition.error());
  const auto plan = context.client.post("/v1/jobs:validate", *definition);
  const int code = show_answer(context, plan, plan_text);
  return code == kPassed && !plan->body.at("accepted").get<bool>() ? kRefused : code;
}

int list(const Context& context, const std::string& state, const std::string& device) {
  std::string query = state.empty() ? "" : "&state=" + escaped(state);
  if (!device.empty()) query += "&device=" + escaped(device);
  return show_answer(context, context.client.get("/v1/jobs?page_size=500" + query), list_text);
}

int show(const Context& context, const std::string& id) {
  return show_answer(context, context.client.get("/v1/jobs/" + escaped(id)),
                     [&](const Json& job) { return job_text(job, context.style); });
}

int control(const Context& context, const std::string& id, const char* deed) {
  return show_answer(context, context.client.post("/v1/jobs/" + escaped(id) + ":" + deed, ""),
                     [](const Json& job) { return fmt::format("{} {}\n", text_of(job, "id"), text_of(job, "state")); });
}

int remove(const Context& context, const std::string& id) {
  return show_answer(context, context.client.del("/v1/jobs/" + escaped(id)),
                     [&](const Json&) { return fmt::format("{} deleted\n", util::printable(id)); });
}

int version(const Context& context) {
  if (!context.json) fmt::print("splicectl {}\n", SPLICED_VERSION);
  return show_answer(context, context.client.get("/v1/version"), [](const Json& daemon) {
    return fmt::format("spliced {} ({})\n", text_of(daemon, "version"), text_of(daemon, "revision"));
  });
}

int devices(const Context& context, const std::string& name) {
  constexpr std::string_view kDev = "/dev/";
  const std::string kernel_name = name.starts_with(kDev) ? name.substr(kDev.size()) : name;
  return show_answer(context, context.client.get("/v1/devices" + (name.empty() ? "" : "/" + escaped(kernel_name))),
                     devices_text);
}

namespace {

std::string recipe_list(const Json& body) {
  std::string out;
  for (const Json& recipe : body.at("recipes"))
    out += fmt::format("{:<14}  {}\n", text_of(recipe, "name"), text_of(recipe, "title"));
  return out;
}

std::string recipe_text(const Json& recipe) {
  std::string out =
      fmt::format("{}: {}\n\n{}\n", text_of(recipe, "name"), text_of(recipe, "title"), text_of(recipe, "description"));
  for (const Json& parameter : recipe.value("parameters", Json::array())) {
    std::string range;
    for (const char* key : {"minimum", "maximum", "choices"}) {
      if (parameter.contains(key)) range += fmt::format(", {} {}", key, util::printable(parameter.at(key).dump()));
    }
    out += fmt::format("\n  --set {}={}  ({}{})\n      {}\n", text_of(parameter, "name"),
                       util::printable(parameter.at("default").dump()), text_of(parameter, "type"), range,
                       text_of(parameter, "description"));
  }
  return out;
}

}  // namespace

int recipes(const Context& context, const std::string& name) {
  if (name.empty()) return show_answer(context, context.client.get("/v1/recipes"), recipe_list);
  return show_answer(context, context.client.get("/v1/recipes/" + escaped(name)), recipe_text);
}

int capabilities(const Context& context) {
  return show_answer(context, context.client.get("/v1/capabilities"), capabilities_text);
}

}  // namespace spliced::cli
