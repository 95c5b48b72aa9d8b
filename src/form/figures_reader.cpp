// SPDX-License-Identifier: Apache-2.0
#include "figures_reader.h"

#include <nlohmann/json.hpp>

#include "criteria_form.h"
#include "render_engine.h"
#include "render_verify.h"
#include "spliced/util/names.h"

namespace spliced::form {

namespace {

const Json* find(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

template <class Names, class Enum>
void read_name(const Json& object, const char* key, const Names& names, Enum& out) {
  std::string name;
  read_member(object, key, name);
  out = util::named(names, name, out);
}

}  // namespace

void read_member(const Json& object, const char* key, std::string& out) {
  if (const Json* value = find(object, key); value != nullptr && value->is_string()) out = value->get<std::string>();
}
void read_member(const Json& object, const char* key, std::uint64_t& out) {
  const Json* value = find(object, key);
  if (value != nullptr && value->is_number_unsigned()) out = value->get<std::uint64_t>();
}
void read_member(const Json& object, const char* key, double& out) {
  if (const Json* value = find(object, key); value != nullptr && value->is_number()) out = value->get<double>();
}
void read_member(const Json& object, const char* key, std::optional<double>& out) {
  if (const Json* value = find(object, key); value != nullptr && value->is_number()) out = value->get<double>();
}
void read_member(const Json& object, const char* key, bool& out) {
  if (const Json* value = find(object, key); value != nullptr && value->is_boolean()) out = value->get<bool>();
}
const Json& object_in(const Json& object, const char* key) {
  static const Json none = Json::object();
  const Json* value = find(object, key);
  return value != nullptr && value->is_object() ? *value : none;
}
const Json& array_in(const Json& object, const char* key) {
  static const Json none = Json::array();
  const Json* value = find(object, key);
  return value != nullptr && value->is_array() ? *value : none;
}

namespace {

void read_operation(const Json& op, run::OpSnapshot& out) {
  read_member(op, "bytes", out.bytes);
  read_member(op, "operations", out.operations);
  read_member(op, "operations_across_pause", out.across_pause);
  read_member(op, "operations_across_flush", out.across_flush);
  read_member(op, "errors", out.errors);
  read_member(op, "bytes_per_second", out.bytes_per_second);
  read_member(op, "operations_per_second", out.operations_per_second);
  const Json& latency = object_in(op, "latency_seconds");
  read_member(latency, "mean", out.latency.mean);
  read_member(latency, "p50", out.latency.p50);
  read_member(latency, "p90", out.latency.p90);
  read_member(latency, "p99", out.latency.p99);
  read_member(latency, "p999", out.latency.p999);
  read_member(latency, "p9999", out.latency.p9999);
  read_member(latency, "p99999", out.latency.p99999);
  read_member(latency, "p999999", out.latency.p999999);
  read_member(latency, "max", out.latency.max);
}

void read_figures(const Json& from, run::StageSnapshot& out) {
  read_name(from, "state", run::kStateNames, out.state);
  read_member(from, "reason", out.reason);
  read_member(from, "progress", out.progress);
  read_member(from, "eta_seconds", out.eta_seconds);
  read_member(from, "ramping", out.ramping);
  read_member(from, "offset_bytes", out.range.offset);
  read_member(from, "size_bytes", out.range.size);
  const Json& io = object_in(from, "io");
  for (std::size_t i = 0; i < util::kOpClasses; ++i) {
    read_operation(object_in(io, std::string(util::kOpClassNames[i]).c_str()), out.ops[i]);
  }
  read_member(from, "cpu_wait_seconds", out.cpu_wait_seconds);
  read_engine_figures(from.contains("splice") ? restore_engine(object_in(from, "splice")) : object_in(from, "engine"),
                      out);
  read_verify(object_in(from, "verify"), out.verify);
  out.errors = read_errors(array_in(from, "errors"));
  read_member(from, "errors_omitted", out.errors_omitted);
}

void read_kernel(const Json& kernel, device::KernelCounters& out) {
  read_member(kernel, "read_bytes", out.read_bytes);
  read_member(kernel, "read_operations", out.read_ios);
  read_member(kernel, "write_bytes", out.write_bytes);
  read_member(kernel, "write_operations", out.write_ios);
  read_member(kernel, "trim_bytes", out.discard_bytes);
  read_member(kernel, "trim_operations", out.discard_ios);
}

}  // namespace

std::vector<run::ErrorEntry> read_errors(const Json& list) {
  std::vector<run::ErrorEntry> out;
  for (const Json& one : list) {
    run::ErrorEntry& entry = out.emplace_back();
    read_name(one, "op", util::kOpNames, entry.op);
    read_member(one, "offset", entry.offset);
    read_member(one, "length", entry.length);
    read_member(one, "errno", entry.error);
    read_member(one, "count", entry.count);
    read_member(one, "message", entry.message);
  }
  return out;
}

void read_stage(const Json& stage, run::StageSnapshot& out) {
  read_member(stage, "name", out.name);
  read_figures(stage, out);
  for (const Json& stream : array_in(stage, "streams")) {
    run::StageSnapshot& one = out.streams.emplace_back();
    read_member(stream, "name", one.name);
    read_figures(stream, one);
  }
}

void read_run(const Json& device, verdict::DeviceSnapshot& out) {
  read_member(device, "device", out.facts.name);
  read_member(device, "path", out.facts.path);
  read_name(device, "verdict", verdict::kVerdictNames, out.verdict);
  out.criteria = read_criteria(array_in(device, "criteria"));
  read_figures(device, out);
  read_member(device, "safety_read_bytes", out.safety_read_bytes);
  if (const Json& kernel = object_in(device, "kernel"); !kernel.empty()) read_kernel(kernel, out.kernel.emplace());
  for (const Json& stage : array_in(device, "stages")) read_stage(stage, out.stages.emplace_back());
}

}  // namespace spliced::form
