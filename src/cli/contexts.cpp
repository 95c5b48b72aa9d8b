// SPDX-License-Identifier: Apache-2.0
#include "contexts.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace spliced::cli {

using nlohmann::json;
using util::Errc;
using util::fail;

namespace {

constexpr mode_t kOwnOnly = 0600;

util::Result<Target> read_target(const std::string& where, const json& value) {
  if (!value.is_object()) return fail(Errc::invalid, where + ": an object is expected");
  Target out;
  for (const auto& [key, text] : value.items()) {
    const auto* const found =
        std::find_if(std::begin(kTargetMembers), std::end(kTargetMembers),
                     [&, &name = key](const TargetMember& member) { return name == member.name; });
    if (found == std::end(kTargetMembers)) {
      return fail(
          Errc::invalid,
          fmt::format("{}: there is no key \"{}\"; server, token_file, cacert, cert and key are known", where, key));
    }
    if (!text.is_string()) return fail(Errc::invalid, fmt::format("{}: \"{}\" is a string", where, key));
    out.*found->member = text.get<std::string>();
  }
  if (out.server.empty()) return fail(Errc::invalid, where + ": \"server\" is missing");
  return out;
}

json to_json(const Target& target) {
  json out = json::object();
  for (const auto& [name, member] : kTargetMembers) {
    if (!(target.*member).empty()) out[name] = target.*member;
  }
  return out;
}

}  // namespace

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

ContextsFile contexts_file() {
  if (std::string path = variable("SPLICECTL_CONFIG"); !path.empty()) return {path, true};
  constexpr const char* kName = "/spliced/splicectl.json";
  if (const std::string base = variable("XDG_CONFIG_HOME"); !base.empty()) return {base + kName, false};
  const std::string home = variable("HOME");
  return {home.empty() ? "" : home + "/.config" + kName, false};
}

util::Result<Contexts> read_contexts(const ContextsFile& wanted) {
  const std::string& path = wanted.path;
  Contexts out;
  if (path.empty()) return out;
  std::error_code error;
  const auto type = std::filesystem::status(path, error).type();
  // Who may not even look there has put nothing there: HOME is that of another, as su(1) and setpriv(1) leave it.
  const bool away = type == std::filesystem::file_type::not_found || error == std::errc::permission_denied;
  if (away && !wanted.named) return out;
  std::ifstream in(path);
  std::string text;
  if (type == std::filesystem::file_type::regular) text.assign(std::istreambuf_iterator<char>(in), {});
  if (!in || type != std::filesystem::file_type::regular)
    return fail(Errc::invalid, fmt::format("{}: cannot be read", path));
  const json file = json::parse(text, nullptr, false, true);
  if (!file.is_object()) return fail(Errc::invalid, fmt::format("{}: a JSON object is expected", path));
  for (const auto& [key, value] : file.items()) {
    if (key == "current_context" && value.is_string()) {
      out.current = value.get<std::string>();
    } else if (key == "contexts" && value.is_object()) {
      for (const auto& [name, target] : value.items()) {
        auto read = read_target(fmt::format("{}: context \"{}\"", path, name), target);
        if (!read) return tl::unexpected(read.error());
        out.known[name] = std::move(*read);
      }
    } else {
      return fail(
          Errc::invalid,
          fmt::format("{}: \"{}\": current_context, a string, and contexts, an object, are expected", path, key));
    }
  }
  if (!out.current.empty() && !out.known.contains(out.current)) {
    return fail(Errc::invalid, fmt::format("{}: current_context \"{}\" is not among the contexts", path, out.current));
  }
  return out;
}

util::Status write_contexts(const std::string& path, const Contexts& contexts) {
  if (path.empty())
    return fail(Errc::invalid, "there is no place for contexts: neither HOME nor SPLICECTL_CONFIG is set");
  json file = {{"current_context", contexts.current}, {"contexts", json::object()}};
  for (const auto& [name, target] : contexts.known) file["contexts"][name] = to_json(target);
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  std::string temporary = path + ".XXXXXX";
  const int fd = ::mkstemp(temporary.data());
  if (fd < 0) return util::fail_errno(temporary, errno);
  const std::string text = file.dump(2) + "\n";
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       ::fchmod(fd, kOwnOnly) == 0 && ::fsync(fd) == 0;
  const int why = errno;
  ::close(fd);
  if (written && std::rename(temporary.c_str(), path.c_str()) == 0) return {};
  ::unlink(temporary.c_str());
  return util::fail_errno(path, written ? errno : why);
}

namespace {

// What is missing in `out` is taken from `from`.
void add(Target& out, const Target& from) {
  for (const auto& [flag, member] : kTargetMembers) {
    if ((out.*member).empty()) out.*member = from.*member;
  }
}

util::Result<Target> find(const std::string& name, const Contexts& contexts) {
  const auto found = contexts.known.find(name);
  if (found != contexts.known.end()) return found->second;
  std::string known;
  for (const auto& entry : contexts.known) known += (known.empty() ? "" : ", ") + entry.first;
  return fail(Errc::invalid, fmt::format("context \"{}\" is not known; {}", name,
                                         known.empty() ? "there is none" : "known are " + known));
}

// Of one place: which context it names, "" for none.
util::Result<std::string> context_of(const Asked& asked, const char* server, const char* context) {
  if (asked.context.empty() || asked.target.server.empty()) return asked.context;
  return fail(Errc::invalid, fmt::format("{} and {} each name a server; give one of them", server, context));
}

}  // namespace

util::Result<Target> choose(const Asked& flags, const Asked& environment, const Contexts& contexts) {
  const auto flag_context = context_of(flags, "--server", "--context");
  if (!flag_context) return tl::unexpected(flag_context.error());
  Target out = flags.target;
  std::string context = *flag_context;
  if (!out.server.empty()) {
    // Variables that name no server are meant for any, and so for this one.
    if (environment.context.empty() && (environment.target.server.empty() || environment.target.server == out.server)) {
      add(out, environment.target);
    }
    return out;
  }
  if (context.empty()) {
    const auto variable_context = context_of(environment, "SPLICED_SERVER", "SPLICED_CONTEXT");
    if (!variable_context) return tl::unexpected(variable_context.error());
    context = *variable_context;
    if (context.empty() && !environment.target.server.empty()) {
      add(out, environment.target);
      return out;
    }
    if (context.empty()) context = contexts.current;
  }
  if (context.empty()) {
    add(out, environment.target);
    out.server = kDefaultServer;
    return out;
  }
  const auto target = find(context, contexts);
  if (!target) return tl::unexpected(target.error());
  add(out, *target);
  return out;
}

}  // namespace spliced::cli
