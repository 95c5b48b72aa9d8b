// SPDX-License-Identifier: Apache-2.0
#include "job_text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <memory>
#include <optional>
#include <stdexcept>

#include "answers.h"
#include "cutter.h"

namespace spliced::api {

using job::JobView;
using util::Pieces;

namespace {

std::string dumped(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

// Every line further in.
std::string indented(const std::string& text, std::size_t by) {
  std::string out;
  for (const char c : text) {
    out += c;
    if (c == '\n') out.append(by, ' ');
  }
  return out;
}

// The parts of one job: its head as far as the devices, each device, and the end.
class JobParts {
 public:
  enum class Form { answer, in_page };
  JobParts(JobView job, Form form) : job_(std::move(job)), form_(form) {}
  std::string operator()() {
    if (std::exchange(begun_, true)) return next_device();
    std::string head = dumped(render_head(job_.head), 2);
    head.resize(head.rfind('}'));
    head.resize(head.find_last_not_of('\n') + 1);
    return head + ",\n  \"devices\": [";
  }

 private:
  std::string next_device() {
    if (ended_) return "";
    if (device_ == job_.devices) {
      ended_ = true;
      return fmt::format("{}]\n}}{}", device_ != 0 ? "\n  " : "", form_ == Form::answer ? "\n" : "");
    }
    const char* comma = device_ != 0 ? "," : "";
    return fmt::format("{}\n    {}", comma, indented(dumped(form::render_run(job_.device(device_++)), 2), 4));
  }

  JobView job_;
  const Form form_;
  std::size_t device_ = 0;
  bool begun_ = false, ended_ = false;
};

// The parts of a page of whole jobs.
class PageParts {
 public:
  PageParts(std::function<util::Result<JobView>(const std::string&)> open, std::vector<std::string> ids,
            std::string next)
      : open_(std::move(open)), ids_(std::move(ids)), next_(std::move(next)) {}
  std::string operator()() {
    if (!std::exchange(begun_, true)) return "{\n  \"jobs\": [";
    if (ended_) return "";
    for (;;) {
      if (job_) {
        if (std::string part = (*job_)(); !part.empty()) return indented(part, 4);
        job_.reset();
      }
      if (at_ == ids_.size()) break;
      auto view = open_(ids_[at_++]);
      if (!view && view.error().code == util::Errc::not_found) continue;
      if (!view) throw std::runtime_error(view.error().message);
      job_.emplace(std::move(*view), JobParts::Form::in_page);
      return std::exchange(any_, true) ? ",\n    " : "\n    ";
    }
    ended_ = true;
    return fmt::format("{}],\n  \"next_page_token\": {}\n}}\n", any_ ? "\n  " : "",
                       next_.empty() ? "null" : dumped(Json(next_), -1));
  }

 private:
  const std::function<util::Result<JobView>(const std::string&)> open_;
  const std::vector<std::string> ids_;
  const std::string next_;
  std::optional<JobParts> job_;
  std::size_t at_ = 0;
  bool begun_ = false, any_ = false, ended_ = false;
};

}  // namespace

Pieces job_text(JobView job) {
  return pieces_of(std::make_shared<JobParts>(std::move(job), JobParts::Form::answer));
}

Pieces page_text(std::function<util::Result<JobView>(const std::string&)> open, std::vector<std::string> ids,
                 std::string next_page_token) {
  return pieces_of(std::make_shared<PageParts>(std::move(open), std::move(ids), std::move(next_page_token)));
}

std::string plan_text(const plan::PlanReport& report, const plan::JobSpec& spec) {
  return render_plan(report, spec).dump(2, ' ', true, Json::error_handler_t::replace);
}

}  // namespace spliced::api
