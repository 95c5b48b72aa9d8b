// SPDX-License-Identifier: Apache-2.0
#include "context_commands.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <filesystem>

#include "commands.h"
#include "spliced/util/text.h"

namespace spliced::cli {
namespace {

// Changes the file, unless `change` says what is wrong; the exit code.
template <class Change>
int change_contexts(Change&& change) {
  ContextsFile file = contexts_file();
  file.named = false;  // it is made
  const std::string& path = file.path;
  auto contexts = read_contexts(file);
  if (!contexts) return unreadable(contexts.error());
  if (const std::string wrong = change(*contexts); !wrong.empty()) {
    return unreadable({util::Errc::invalid, wrong, 0, {}});
  }
  const auto written = write_contexts(path, *contexts);
  return written ? kPassed : unreadable(written.error());
}

std::string unknown(const std::string& name) {
  return fmt::format("there is no context \"{}\"; \"splicectl context list\" lists them", util::printable(name));
}

// What a name means here, it must mean from any directory.
std::string absolute(const std::string& path) {
  std::error_code error;
  return path.empty() ? path : std::filesystem::absolute(path, error).string();
}

}  // namespace

int list_contexts(bool as_json) {
  const auto contexts = read_contexts(contexts_file());
  if (!contexts) return unreadable(contexts.error());
  if (as_json) {
    Json out = {{"current_context", nullptr}, {"contexts", Json::object()}};
    if (!contexts->current.empty()) out["current_context"] = contexts->current;
    for (const auto& [name, target] : contexts->known) {
      Json& entry = out["contexts"][name] = Json::object();
      for (const auto& [key, member] : kTargetMembers) entry[key] = target.*member;
    }
    print_json(out);
    return kPassed;
  }
  fmt::print("  {:<20}  {}\n", "NAME", "SERVER");
  for (const auto& [name, target] : contexts->known) {
    fmt::print("{} {:<20}  {}\n", name == contexts->current ? '*' : ' ', util::printable(name),
               util::printable(target.server));
  }
  return kPassed;
}

int set_context(const std::string& name, const Target& target) {
  if (target.server.empty()) {
    return unreadable(
        {util::Errc::invalid, "context set: --server is missing; give unix:/PATH, http:// or https://", 0, {}});
  }
  Target whole = target;
  for (auto member : {&Target::token_file, &Target::cacert, &Target::cert, &Target::key}) {
    whole.*member = absolute(whole.*member);
  }
  // What could not be used later is told now.
  if (const auto client = Client::create(whole); !client) return unreadable(client.error());
  return change_contexts([&](Contexts& contexts) {
    contexts.known[name] = whole;
    if (contexts.current.empty()) contexts.current = name;
    return std::string();
  });
}

int use_context(const std::string& name) {
  return change_contexts([&](Contexts& contexts) {
    if (!contexts.known.contains(name)) return unknown(name);
    contexts.current = name;
    return std::string();
  });
}

int delete_context(const std::string& name) {
  return change_contexts([&](Contexts& contexts) {
    if (contexts.known.erase(name) == 0) return unknown(name);
    if (contexts.current == name) contexts.current.clear();
    return std::string();
  });
}

}  // namespace spliced::cli
