// SPDX-License-Identifier: Apache-2.0
#include "results_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "spliced/results/judge.h"
#include "spliced/util/text.h"

namespace spliced::cli {

using util::printable;

namespace {

// A file comes to be as a whole, or not at all.
class OutputFile {
 public:
  explicit OutputFile(std::string path) : path_(std::move(path)), part_(path_ + ".XXXXXX"), file_(stdout) {
    if (path_.empty()) return;
    const int fd = ::mkostemp(part_.data(), O_CLOEXEC);
    file_ = fd < 0 ? nullptr : ::fdopen(fd, "w");
    if (file_ == nullptr) failed_ = errno;
    // As a file that is made by its name.
    const mode_t mask = ::umask(0);
    ::umask(mask);
    if (fd >= 0) (void)::fchmod(fd, 0666 & ~mask);
  }
  ~OutputFile() {
    if (path_.empty() || file_ == nullptr) return;
    (void)std::fclose(file_);
    if (!finished_) (void)::unlink(part_.c_str());
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  bool write(std::string_view text) {
    if (failed_ == 0 && std::fwrite(text.data(), 1, text.size(), file_) != text.size()) failed_ = errno;
    return failed_ == 0;
  }
  void finish() {
    if (failed_ == 0 && std::fflush(file_) != 0) failed_ = errno;
    if (failed_ != 0 || path_.empty()) return;
    if (::fsync(::fileno(file_)) != 0 && errno != EINVAL) failed_ = errno;
    if (failed_ == 0 && ::rename(part_.c_str(), path_.c_str()) != 0) failed_ = errno;
    finished_ = failed_ == 0;
  }
  // Whether all of it is where it was to be; else it was said why not.
  [[nodiscard]] bool is_good() const {
    if (failed_ == 0) return true;
    fmt::print(stderr, "splicectl: {}: {}\n", path_.empty() ? "standard output" : printable(path_),
               util::errno_text(failed_));
    return false;
  }

 private:
  const std::string path_;
  std::string part_;
  std::FILE* file_;
  int failed_ = 0;
  bool finished_ = false;
};

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : printable(text);
}

int code_of(const std::string& verdict) {
  if (verdict == "PASS") return kPassed;
  if (verdict == "FAIL") return kFailed;
  return verdict == "INCONCLUSIVE" ? kInconclusive : kUndecided;
}

std::string device_text(const results::JudgedDevice& device) {
  std::string out = fmt::format("{} ({}): {}{}{}\n", printable(device.name), or_dash(device.serial),
                                device.verdict.empty() ? "no verdict" : device.verdict,
                                device.reason.empty() ? "" : ": ", printable(device.reason));
  for (const results::JudgedCriterion& one : device.criteria) {
    const std::string name = one.stage.empty() ? one.name : fmt::format("{} ({})", one.name, one.stage);
    out += fmt::format("  {:<32}  {:>14}  {:>14}  {}{}{}\n", printable(name), one.limit, or_dash(one.measured),
                       one.state, one.note.empty() ? "" : ": ", printable(one.note));
  }
  if (device.worked_out < device.stages) {
    out +=
        fmt::format("  of {} of {} stages the document has no figures: what they came to is taken as it stands there\n",
                    device.stages - device.worked_out, device.stages);
  }
  for (const std::string& difference : device.differences) out += fmt::format("  DIFFERS: {}\n", printable(difference));
  return out;
}

std::string judged_text(const results::Judged& judged) {
  std::string out;
  for (const results::JudgedDevice& device : judged.devices) out += device_text(device);
  for (const std::string& difference : judged.differences) out += fmt::format("DIFFERS: {}\n", printable(difference));
  const std::string verdict = judged.verdict.empty() ? "no verdict" : printable(judged.verdict);
  out += fmt::format("job {}: {}{}\n", printable(judged.job), verdict,
                     judged.partial ? ", as it stands there: the document has not all of its devices" : "");
  return out + (judged.agrees() ? "the daemon came to the same\n" : "the daemon came to something else\n");
}

Json json_of(const results::Judged& judged) {
  const auto or_null = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  Json devices = Json::array();
  for (const results::JudgedDevice& device : judged.devices) {
    Json criteria = Json::array();
    for (const results::JudgedCriterion& one : device.criteria) {
      criteria.push_back({{"name", one.name},
                          {"stage", or_null(one.stage)},
                          {"limit", one.limit},
                          {"measured", or_null(one.measured)},
                          {"state", one.state},
                          {"note", one.note}});
    }
    devices.push_back({{"device", device.name},
                       {"serial", or_null(device.serial)},
                       {"verdict", or_null(device.verdict)},
                       {"recorded", or_null(device.recorded)},
                       {"reason", or_null(device.reason)},
                       {"criteria", std::move(criteria)},
                       {"stages", device.stages},
                       {"stages_worked_out", device.worked_out},
                       {"differences", device.differences}});
  }
  return {{"job", judged.job},
          {"verdict", or_null(judged.verdict)},
          {"recorded", or_null(judged.recorded)},
          {"agrees", judged.agrees()},
          {"partial", judged.partial},
          {"devices", std::move(devices)},
          {"differences", judged.differences}};
}

int invalid(const std::string& file, const std::string& why) {
  fmt::print(stderr, "splicectl: {}: {}\n", printable(file), printable(why));
  return kRefused;
}

}  // namespace

int results(const Context& context, const std::string& id, const std::string& device, const std::string& output) {
  const std::string query = device.empty() ? "" : "?device=" + escaped(device);
  OutputFile file(output);
  if (!file.is_good()) return kUsage;
  const auto answer = context.client.read("/v1/jobs/" + escaped(id) + "/results" + query,
                                          [&](std::string_view text) { return file.write(text); });
  if (!answer) return no_daemon(answer.error());
  if (answer->status >= 400) return refused(context, *answer);
  file.finish();
  return file.is_good() ? kPassed : kUsage;
}

int judge(const std::string& file, bool as_json) {
  const auto text = read_file(file);
  if (!text) return unreadable(text.error());
  const auto judged = results::judge(*text);
  if (!judged) return invalid(file, judged.error().message);
  if (const results::Checked checked = results::check(*text); !checked.intact)
    fmt::print(stderr, "splicectl: {}: not as it was made: {}\n", printable(file), printable(checked.problem));
  if (as_json) {
    print_json(json_of(*judged));
  } else {
    fmt::print("{}", judged_text(*judged));
  }
  return judged->agrees() ? code_of(judged->verdict) : kRefused;
}

int check(const std::string& file, const std::string& key, bool as_json) {
  const auto text = read_file(file);
  if (!text) return unreadable(text.error());
  std::string public_key;
  if (!key.empty()) {
    const auto pem = read_file(key);
    if (!pem) return unreadable(pem.error());
    auto parsed = results::parse_public_key(*pem);
    if (!parsed) return unreadable(util::with_context(parsed.error(), key));
    public_key = std::move(*parsed);
  }
  const results::Checked checked = results::check(*text, public_key);
  if (as_json) {
    Json signer;
    if (checked.signer) {
      signer = {{"name", checked.signer->name.empty() ? Json() : Json(checked.signer->name)},
                {"key_id", checked.signer->id},
                {"public_key", checked.signer->public_key}};
    }
    print_json({{"intact", checked.intact},
                {"problem", checked.problem.empty() ? Json() : Json(checked.problem)},
                {"sha256", checked.sha256},
                {"signer", signer},
                {"job", checked.job},
                {"made_at", checked.made_at}});
    return checked.intact ? kPassed : kRefused;
  }
  if (!checked.intact) return invalid(file, checked.problem);
  fmt::print("{}: as it was made at {}, results of the job {}\nSHA-256 {}\n", printable(file),
             printable(checked.made_at), printable(checked.job), checked.sha256);
  if (!checked.signer) {
    fmt::print("not signed: whoever has it can change it and its SHA-256\n");
  } else {
    fmt::print("signed by the Ed25519 key {}{}{}\n", checked.signer->id,
               checked.signer->name.empty() ? "" : fmt::format(" \"{}\"", printable(checked.signer->name)),
               public_key.empty() ? "; whose that is, --public-key FILE tells" : ", as it was to be");
  }
  return kPassed;
}

}  // namespace spliced::cli
