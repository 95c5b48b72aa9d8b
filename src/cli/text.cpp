// SPDX-License-Identifier: Apache-2.0
#include "text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "spliced/util/text.h"
#include "spliced/util/units.h"
#include "verify_text.h"

namespace spliced::cli {
namespace {

constexpr std::array<const char*, 4> kOps{"read", "write", "trim", "sync"};

struct Sum {
  double bytes_per_second = 0, operations_per_second = 0, errors = 0;
};

Sum sum_of(const Json& device) {
  Sum sum;
  for (const char* op : kOps) {
    const Json& io = device.at("io").at(op);
    sum.bytes_per_second += io.at("bytes_per_second").get<double>();
    sum.operations_per_second += io.at("operations_per_second").get<double>();
    sum.errors += io.at("errors").get<double>();
  }
  return sum;
}

// What an engine names beside the members that every tuning has: "pipe_size_bytes 64.0 KiB batch 4".
std::string setting_text(const Json& of) {
  std::string out;
  for (const auto& [name, value] : of.items()) {
    if (!value.is_number() || name == "bytes_per_second") continue;
    const bool bytes = name.ends_with("_bytes");
    out += fmt::format("{}{} {}", out.empty() ? "" : " ", bytes ? name.substr(0, name.size() - 6) : name,
                       bytes ? util::human_bytes(value.get<double>()) : value.dump());
  }
  return out;
}

// Why this setting, and what the others came to. Nothing where there is nothing to set.
std::string tuning_text(const Json& tuning) {
  const auto setting = setting_text;
  if (setting(tuning).empty()) return "";
  std::string out =
      fmt::format("    {}: {} ({}", text_of(tuning, "direction"), setting(tuning), text_of(tuning, "why"));
  const char* before = ": ";
  for (const Json& tried : tuning.at("tried")) {
    out +=
        fmt::format("{}{} {}/s", before, setting(tried), util::human_bytes(tried.at("bytes_per_second").get<double>()));
    before = ", ";
  }
  return out + ")\n";
}

// ", verdict FAIL" after a state, where there is one.
std::string verdict_text(const Json& object, const Style& style) {
  const std::string verdict = text_of(object, "verdict");
  if (verdict.empty()) return "";
  if (!style.colour) return ", verdict " + verdict;
  return fmt::format(", verdict \033[1;{}m{}\033[0m", verdict == "PASS" ? 32 : 31, verdict);
}

// "fallback map to copy EFAULT 2x": the event, its labels, and how often.
std::string event_text(const Json& event) {
  std::string out = text_of(event, "event");
  for (const auto& [name, value] : event.items()) {
    if (name != "event" && name != "count") out += fmt::format(" {} {}", name, value.get<std::string>());
  }
  return out + fmt::format(" {}x", event.at("count").get<std::uint64_t>());
}

std::string engine_text(const Json& engine) {
  std::string out;
  for (const Json& tuning : engine.at("tuning")) out += tuning_text(tuning);
  out += "    engine: " + text_of(engine, "kind");
  if (const std::string path = text_of(engine, "read_path"); !path.empty()) out += ", read path " + path;
  if (const std::string state = setting_text(engine); !state.empty()) out += ", " + state;
  for (const Json& event : engine.at("events")) out += ", " + event_text(event);
  return out + "\n";
}

// A line for each operation that was done.
std::string io_text(const Json& all, const std::string& indent) {
  std::string out;
  for (const char* op : kOps) {
    const Json& io = all.at(op);
    if (io.at("operations") == 0 && io.at("errors") == 0) continue;
    const Json& latency = io.at("latency_seconds");
    out += fmt::format("{}{:5} {:>10}  {:>8} ops  {:>10}/s  {:>8.0f} IOPS  p50 {}  p99 {}  max {}  {} errors\n", indent,
                       op, util::human_bytes(io.at("bytes").get<double>()), io.at("operations").get<std::uint64_t>(),
                       util::human_bytes(io.at("bytes_per_second").get<double>()),
                       io.at("operations_per_second").get<double>(), seconds_text(latency.at("p50").get<double>()),
                       seconds_text(latency.at("p99").get<double>()), seconds_text(latency.at("max").get<double>()),
                       io.at("errors").get<std::uint64_t>());
  }
  return out;
}

// "state, verdict: reason" after a name.
std::string outcome_text(const Json& object, const Style& style) {
  const std::string reason = text_of(object, "reason");
  return fmt::format("{}{}{}{}\n", text_of(object, "state"), verdict_text(object, style), reason.empty() ? "" : ": ",
                     reason);
}

// Each stage on its own, where there are several.
std::string stages_text(const Json& device, const Style& style) {
  const Json stages = device.value("stages", Json::array());
  std::string out;
  for (const Json& stage : stages) {
    const Json streams = stage.value("streams", Json::array());
    if (stages.size() < 2 && streams.empty()) continue;
    out += fmt::format("    {}: {}", text_of(stage, "name"), outcome_text(stage, style));
    if (stages.size() > 1) out += io_text(stage.at("io"), "      ");
    for (const Json& stream : streams) {
      out += fmt::format("      {}: {}", text_of(stream, "name"), outcome_text(stream, style));
      out += io_text(stream.at("io"), "        ");
    }
  }
  return out;
}

std::string device_text(const Json& device, const Style& style) {
  std::string out = fmt::format("  {}: {}", text_of(device, "device"), outcome_text(device, style));
  out += io_text(device.at("io"), "    ");
  if (device.contains("verify")) out += verify_text(device.at("verify"), style, "    ");
  out += stages_text(device, style);
  if (style.verbose && device.contains("engine")) out += engine_text(device.at("engine"));
  for (const Json& error : device.at("errors")) {
    out += fmt::format("    error ({}x): {}\n", error.at("count").get<std::uint64_t>(), text_of(error, "message"));
  }
  return out;
}

}  // namespace

bool is_final(std::string_view state) {
  return state == "SUCCEEDED" || state == "FAILED" || state == "CANCELLED" || state == "INTERRUPTED";
}

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? util::printable(found->get_ref<const std::string&>()) : "";
}

std::string seconds_text(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.1f} µs", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.1f} ms", seconds * 1e3);
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<long long>(seconds);
  if (seconds < 3600) return fmt::format("{}m {:02}s", whole / 60, whole % 60);
  return fmt::format("{}h {:02}m", whole / 3600, whole / 60 % 60);
}

std::string eta_text(double seconds) {
  return seconds < 60 ? fmt::format("{:.0f} s", std::max(1.0, std::ceil(seconds))) : seconds_text(std::ceil(seconds));
}

namespace {

// Then it is of what was written that it is asked whether it is right.
bool changed_anything(const Json& device) {
  const Json io = device.value("io", Json::object());
  const auto bytes = [&io](const char* op) { return io.value(op, Json::object()).value("bytes", 0.0); };
  return bytes("write") > 0 || bytes("trim") > 0;
}

// The verdict, why, and what it is made of: three lines, the last ones.
std::string verdict_lines(const Json& job, const Style& style) {
  std::size_t met = 0, unmet = 0, unknown = 0;
  double least = 1;
  bool covered = true, checked = false;
  std::string names;
  const Json devices = job.value("devices", Json::array());
  for (const Json& device : devices) {
    const Json coverage = device.value("coverage", Json());
    covered = covered && coverage.is_number();
    checked = checked || device.value("verify", Json()).is_object() || changed_anything(device);
    if (coverage.is_number()) least = std::min(least, coverage.get<double>());
    for (const Json& one : device.value("criteria", Json::array())) {
      const Json is_met = one.value("met", Json());  // all that an earlier daemon tells
      const std::string result = one.value("result", !is_met.is_boolean() ? ""
                                                     : is_met.get<bool>() ? "met"
                                                                          : "not_met");
      met += result == "met" ? 1 : 0;
      unknown += result == "not_measurable" ? 1 : 0;
      if (result != "not_met") continue;
      if (unmet++ < 3) names += (names.empty() ? ": " : ", ") + text_of(one, "name");
    }
  }
  const std::string verdict = text_of(job, "verdict"), reason = text_of(job, "reason");
  std::string out = verdict.empty() ? "no verdict\n" : verdict_text(job, style).substr(2) + "\n";
  out += fmt::format("  why: {}\n", !reason.empty() ? reason
                                    : met != 0      ? "all criteria are met"
                                                    : "nothing was judged");
  out += fmt::format("  criteria: {} met, {} not met{}, {} not measurable", met, unmet, names, unknown);
  if (!covered || devices.empty()) return out + "\n";
  const double percent = std::floor(least * 1e4) / 100;  // all but a sector is not all
  return out +
         fmt::format("; {:.4g} % of the range {}\n", percent, checked ? "shown to be right" : "read without an error");
}

}  // namespace

std::string job_text(const Json& job, const Style& style) {
  const std::string reason = text_of(job, "reason");
  std::string out = fmt::format("job {}{}{}: {}{}\n", text_of(job, "id"), text_of(job, "name").empty() ? "" : " ",
                                text_of(job, "name"), text_of(job, "state"), verdict_text(job, style));
  if (!reason.empty()) out += fmt::format("  {}\n", reason);
  for (const Json& device : job.value("devices", Json::array())) out += device_text(device, style);
  return out + (is_final(text_of(job, "state")) ? verdict_lines(job, style) : "");
}

std::string progress_line(const Json& job, std::size_t columns) {
  Sum total;
  double progress = 0;
  double eta = 0;
  bool eta_known = false;
  const Json& devices = job.at("devices");
  for (const Json& device : devices) {
    const Sum sum = sum_of(device);
    total.bytes_per_second += sum.bytes_per_second;
    total.operations_per_second += sum.operations_per_second;
    total.errors += sum.errors;
    progress += device.at("progress").get<double>() / static_cast<double>(devices.size());
    if (device.at("eta_seconds").is_number()) {
      eta = std::max(eta, device.at("eta_seconds").get<double>());
      eta_known = true;
    }
  }
  // In the order in which they stand, each with how early it is left out; 0: never.
  struct Part {
    std::string text;
    int out_at;
  };
  std::vector<Part> parts{{fmt::format("{} {:5.1f}%", text_of(job, "state"), progress * 100), 0},
                          {util::human_bytes(total.bytes_per_second) + "/s", 3},
                          {fmt::format("{:.0f} IOPS", total.operations_per_second), 1},
                          {fmt::format("{:.0f} errors", total.errors), total.errors == 0 ? 2 : 4},
                          {"ETA " + (eta_known ? eta_text(eta) : "unknown"), 5}};
  const auto line = [&] {
    std::string out;
    for (const Part& part : parts) out += (out.empty() ? "" : "  ") + part.text;
    return out;
  };
  for (int round = 1; round <= 5 && util::characters(line()) > columns; ++round) {
    std::erase_if(parts, [&](const Part& part) { return part.out_at == round; });
  }
  return line().substr(0, columns);
}

namespace {

std::string row(const std::string& name, const std::string& value, const std::string& meaning) {
  return fmt::format("{:<24} {:<16} {}\n", name, value, meaning);
}

std::string yes_or_no(const Json& value) {
  return value.get<bool>() ? "yes" : "no";
}

std::string probe_text(const Json& probe) {
  return probe.at("works").get<bool>() ? std::string("works") : text_of(probe, "errno");
}

std::string paths_text(const Json& caps) {
  const Json& paths = caps.at("read_paths");
  std::string out;
  out +=
      row("read path map", probe_text(paths.at("map")),
          text_of(paths.at("map"), "errno") == "EFAULT" ? "normal today: each reading worker falls back to copy, once"
                                                        : "into a fresh mapping, tried first");
  out += row("read path copy", probe_text(paths.at("copy")), "vmsplice from the pipe into the buffer: the usual way");
  out += row("read path read", probe_text(paths.at("read")), "read(2) from the pipe: what is left without vmsplice");
  out += row("read path discard", probe_text(paths.at("discard")),
             "the fastest, data never reaches memory; only when a job asks for it");
  out += row("vmsplice for writes", probe_text(caps.at("vmsplice_write")), "otherwise write(2) copies into the pipe");
  return out;
}

std::string pages_text(const Json& caps) {
  const bool aliases = caps.at("vmsplice_aliases_pages").get<bool>();
  std::string out;
  out += row("writes without a copy", yes_or_no(caps.at("vmsplice_aliases_pages")),
             aliases ? "vmsplice hands the pages over: bytes changed afterwards come out changed"
                     : "vmsplice copies here: writes cost as much as write(2) into the pipe");
  const bool copies = caps.at("vmsplice_read_copies").get<bool>();
  out += row("reads without a copy", copies ? "no" : "unknown",
             copies ? "vmsplice from a pipe copies as read(2) does; only discard saves it"
                    : "vmsplice from a pipe was not seen to copy here: it is refused, or it does not");
  out += row("calls that fill a pipe", std::to_string(caps.at("one_byte_calls_to_fill_pipe").get<std::uint64_t>()),
             "one-byte vmsplice calls: each takes a slot, so small blocks are batched");
  out += row("slots for each page", fmt::format("{:g}", caps.at("array_slots_per_page").get<double>()),
             "of one call with an array of buffers");
  return out;
}

std::string sizes_text(const Json& caps) {
  std::string obtained;
  for (const Json& size : caps.at("pipe_sizes")) {
    obtained += (obtained.empty() ? "" : ", ") + util::human_bytes(size.at("obtained_bytes").get<double>());
  }
  const double budget = caps.at("pipe_user_pages_soft").get<double>() * 4096;
  std::string out;
  out += row("default pipe", util::human_bytes(caps.at("default_pipe_bytes").get<double>()), "");
  out += row("largest pipe", util::human_bytes(caps.at("largest_pipe_bytes").get<double>()),
             "a block up to this size is one splice");
  out += row("pipe sizes", std::to_string(caps.at("pipe_sizes").size()) + " obtained", obtained);
  out += row("pipes of one user", budget == 0 ? "no limit" : util::human_bytes(budget),
             "fs.pipe-user-pages-soft; jobs share it, and get smaller pipes near it");
  return out;
}

}  // namespace

std::string capabilities_text(const Json& caps) {
  std::string out = row("kernel", text_of(caps, "kernel_release"), "") + paths_text(caps) + pages_text(caps);
  out += sizes_text(caps);
  return out + row("preferred engine", text_of(caps, "preferred_engine"), text_of(caps, "advice"));
}

}  // namespace spliced::cli
