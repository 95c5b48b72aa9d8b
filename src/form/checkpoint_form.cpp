// SPDX-License-Identifier: Apache-2.0
#include "checkpoint_form.h"

#include <nlohmann/json.hpp>

#include "spliced/workload/permutation.h"

namespace spliced::form {

namespace counts {
namespace {

using Json = nlohmann::json;

constexpr int kVersion = 1;

Json form_of(const workload::Histogram& histogram) {
  Json counts = Json::array();  // bucket, count, bucket, count, …
  for (std::size_t i = 0; i < histogram.counts().size(); ++i) {
    if (histogram.counts()[i] == 0) continue;
    counts.push_back(i);
    counts.push_back(histogram.counts()[i]);
  }
  return {{"sum", histogram.sum_nanos()}, {"max", histogram.max_nanos()}, {"counts", std::move(counts)}};
}
void read(const Json& form, workload::Histogram& out) {
  const Json& counts = form.at("counts");
  for (std::size_t i = 0; i + 1 < counts.size(); i += 2) {
    const auto bucket = counts[i].get<std::size_t>();
    if (bucket >= workload::buckets::kCount) throw std::out_of_range("bucket");
    out.add(bucket, counts[i + 1].get<std::uint64_t>());
  }
  out.add_sums(form.at("sum").get<std::uint64_t>(), form.at("max").get<std::uint64_t>());
}

Json form_of(const run::OpTotals& op) {
  return {{"bytes", op.bytes},
          {"operations", op.operations},
          {"errors", op.errors},
          {"across_pause", op.across_pause},
          {"across_flush", op.across_flush},
          {"latency", form_of(op.latency)}};
}
void read(const Json& form, run::OpTotals& out) {
  form.at("bytes").get_to(out.bytes);
  form.at("operations").get_to(out.operations);
  form.at("errors").get_to(out.errors);
  form.at("across_pause").get_to(out.across_pause);
  form.at("across_flush").get_to(out.across_flush);
  read(form.at("latency"), out.latency);
}

Json form_of(const run::VerifyTotals& verify) {
  return {{"bytes", verify.bytes},
          {"blocks", verify.blocks},
          {"mismatches", verify.mismatches},
          {"mismatched_bytes", verify.mismatched_bytes},
          {"indeterminate_bytes", verify.indeterminate_bytes},
          {"unread_bytes", verify.unread_bytes},
          {"unwritten_bytes", verify.unwritten_bytes},
          {"untraced_bytes", verify.untraced_bytes},
          {"cache_suspect_bytes", verify.cache_suspect_bytes},
          {"host_faults", verify.host_faults},
          {"asked_for", verify.asked_for},
          {"unmarked", verify.unmarked}};
}
void read(const Json& form, run::VerifyTotals& out) {
  form.at("bytes").get_to(out.bytes);
  form.at("blocks").get_to(out.blocks);
  form.at("mismatches").get_to(out.mismatches);
  form.at("mismatched_bytes").get_to(out.mismatched_bytes);
  form.at("indeterminate_bytes").get_to(out.indeterminate_bytes);
  form.at("unread_bytes").get_to(out.unread_bytes);
  form.at("unwritten_bytes").get_to(out.unwritten_bytes);
  form.at("untraced_bytes").get_to(out.untraced_bytes);
  form.at("cache_suspect_bytes").get_to(out.cache_suspect_bytes);
  form.at("host_faults").get_to(out.host_faults);
  form.at("asked_for").get_to(out.asked_for);
  form.at("unmarked").get_to(out.unmarked);
}

Json form_of(const run::DeviceTotals& totals) {
  Json ops = Json::array();
  for (const auto& op : totals.ops) ops.push_back(form_of(op));
  return {{"ops", std::move(ops)},       {"asked_for", totals.asked_for},   {"events", totals.engine.events},
          {"ran", totals.engine.ran},    {"cpu_wait", totals.cpu_wait},     {"cpu_wait_known", totals.cpu_wait_known},
          {"flushing", totals.flushing}, {"verify", form_of(totals.verify)}};
}
void read(const Json& form, run::DeviceTotals& out) {
  for (std::size_t i = 0; i < out.ops.size(); ++i) read(form.at("ops").at(i), out.ops[i]);
  form.at("asked_for").get_to(out.asked_for);
  form.at("events").get_to(out.engine.events);
  form.at("ran").get_to(out.engine.ran);
  form.at("cpu_wait").get_to(out.cpu_wait);
  form.at("cpu_wait_known").get_to(out.cpu_wait_known);
  form.at("flushing").get_to(out.flushing);
  read(form.at("verify"), out.verify);
}

Json form_of(const workload::Cursor& cursor) {
  return {{"position", cursor.position},
          {"watermark", cursor.watermark},
          {"missing", cursor.missing},
          {"done", cursor.done}};
}
void read(const Json& form, workload::Cursor& out) {
  form.at("position").get_to(out.position);
  form.at("watermark").get_to(out.watermark);
  form.at("missing").get_to(out.missing);
  form.at("done").get_to(out.done);
}

Json form_of(const run::SeriesPoint& series) {
  Json doubts = Json::array();
  for (const auto& [begin, end] : series.doubts) doubts.push_back({begin, end});
  return {{"stage", series.stage},
          {"stream", series.stream},
          {"first_pass", series.first_pass},
          {"cursor", form_of(series.cursor)},
          {"doubts", std::move(doubts)}};
}
void read(const Json& form, run::SeriesPoint& out) {
  form.at("stage").get_to(out.stage);
  form.at("stream").get_to(out.stream);
  form.at("first_pass").get_to(out.first_pass);
  read(form.at("cursor"), out.cursor);
  for (const Json& range : form.at("doubts")) {
    out.doubts.push_back({range.at(0).get<std::uint64_t>(), range.at(1).get<std::uint64_t>()});
  }
}

Json form_of(const run::StreamPoint& stream) {
  Json passes = Json::array();
  for (const auto& [pass, bytes] : stream.passes) passes.push_back({pass, bytes});
  return {{"totals", form_of(stream.totals)}, {"visited", stream.visited}, {"passes", std::move(passes)}};
}
void read(const Json& form, run::StreamPoint& out) {
  read(form.at("totals"), out.totals);
  form.at("visited").get_to(out.visited);
  for (const Json& one : form.at("passes")) out.passes[one.at(0).get<std::uint32_t>()] = one.at(1).get<std::uint64_t>();
}

// By columns: most of the numbers of one are alike.
Json form_of(const figures::BandTable& table) {
  Json bytes = Json::array(), busy = Json::array(), longest = Json::array(), errors = Json::array();
  for (const figures::BandSums& sums : table.sums) {
    bytes.push_back(sums.bytes);
    busy.push_back(sums.busy);
    longest.push_back(sums.longest);
    errors.push_back(sums.errors);
  }
  Json begun = Json::array();
  for (const auto& [moved, spent] : table.begun) {
    begun.push_back(moved);
    begun.push_back(spent);
  }
  return {{"offset", table.grid.offset()}, {"size", table.grid.size()},     {"bytes", std::move(bytes)},
          {"busy", std::move(busy)},       {"longest", std::move(longest)}, {"errors", std::move(errors)},
          {"before", table.before},        {"begun", std::move(begun)},     {"round", table.round}};
}
void read(const Json& form, figures::BandTable& out) {
  out.grid = {form.at("offset").get<std::uint64_t>(), form.at("size").get<std::uint64_t>()};
  const std::size_t count = out.grid.count();
  for (std::size_t i = 0; i < count; ++i) {
    out.sums.push_back({form.at("bytes").at(i).get<std::uint64_t>(), form.at("busy").at(i).get<std::uint64_t>(),
                        form.at("longest").at(i).get<std::uint32_t>(), form.at("errors").at(i).get<std::uint32_t>()});
  }
  form.at("before").get_to(out.before);
  form.at("round").get_to(out.round);
  const Json& begun = form.at("begun");
  for (std::size_t i = 0; i + 1 < begun.size(); i += 2)
    out.begun.push_back({begun[i].get<std::uint64_t>(), begun[i + 1].get<std::uint64_t>()});
}

Json form_of(const run::BandsByDirection& bands) {
  Json out = Json::array();
  for (const auto& table : bands) out.push_back(table ? form_of(*table) : Json());
  return out;
}
void read(const Json& form, run::BandsByDirection& out) {
  for (std::size_t i = 0; i < out.size() && i < form.size(); ++i) {
    if (!form[i].is_null()) read(form[i], out[i].emplace());
  }
}

Json form_of(const run::RatesByOp& rates) {
  Json out = Json::array();
  for (const auto& one : rates) {
    out.push_back(
        {{"offset", one.grid.offset()}, {"size", one.grid.size()}, {"last", one.last}, {"before", one.before}});
  }
  return out;
}
void read(const Json& form, run::RatesByOp& out) {
  for (std::size_t i = 0; i < out.size() && i < form.size(); ++i) {
    out[i].grid = {form[i].at("offset").get<std::uint64_t>(), form[i].at("size").get<std::uint64_t>()};
    form[i].at("last").get_to(out[i].last);
    form[i].at("before").get_to(out[i].before);
  }
}

Json form_of(const run::DamageCounts& damage) {
  Json out = Json::array();
  for (const auto& [place, count] : damage) out.push_back({place.first, place.second, count});
  return out;
}
void read(const Json& form, run::DamageCounts& out) {
  for (const Json& one : form) {
    const auto kind = one.at(1).get<std::size_t>();
    if (kind >= verify::kKindNames.size()) throw std::out_of_range("kind");
    out[{one.at(0).get<std::size_t>(), kind}] = one.at(2).get<std::uint64_t>();
  }
}

template <class T>
Json list_of(const std::vector<T>& parts) {
  Json out = Json::array();
  for (const T& part : parts) out.push_back(form_of(part));
  return out;
}
template <class T>
void read_list(const Json& form, std::vector<T>& out) {
  for (const Json& part : form) read(part, out.emplace_back());
}

}  // namespace
}  // namespace counts

std::string write_counts(const run::Checkpoint& checkpoint) {
  using counts::form_of, counts::list_of;
  return counts::Json{{"version", counts::kVersion},          {"order", workload::Permutation::kVersion},
                      {"active", checkpoint.active},          {"next_pass", checkpoint.next_pass},
                      {"series", list_of(checkpoint.series)}, {"streams", list_of(checkpoint.streams)},
                      {"before", form_of(checkpoint.before)}, {"ramped", checkpoint.ramped},
                      {"elapsed", checkpoint.elapsed},        {"bands", form_of(checkpoint.bands)},
                      {"rates", form_of(checkpoint.rates)},   {"damage", form_of(checkpoint.damage)}}
      .dump();
}

bool read_counts(const std::string& text, run::Checkpoint& out) try {
  const auto form = counts::Json::parse(text);
  if (form.at("version") != counts::kVersion || form.at("order") != workload::Permutation::kVersion) return false;
  form.at("active").get_to(out.active);
  form.at("next_pass").get_to(out.next_pass);
  counts::read_list(form.at("series"), out.series);
  counts::read_list(form.at("streams"), out.streams);
  counts::read(form.at("before"), out.before);
  form.at("ramped").get_to(out.ramped);
  form.at("elapsed").get_to(out.elapsed);
  if (form.contains("bands")) counts::read(form.at("bands"), out.bands);  // an earlier version had none
  if (form.contains("rates")) counts::read(form.at("rates"), out.rates);
  if (form.contains("damage")) counts::read(form.at("damage"), out.damage);
  return true;
} catch (const std::exception&) {
  return false;
}

}  // namespace spliced::form
