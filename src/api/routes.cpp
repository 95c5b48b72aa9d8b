// SPDX-License-Identifier: Apache-2.0
#include "routes.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <charconv>
#include <optional>
#include <utility>

#include "answers.h"
#include "event_streams.h"
#include "form/spec_reader.h"
#include "front_page.h"
#include "job_text.h"
#include "once_fields.h"
#include "responses.h"
#include "results_text.h"
#include "spliced/util/names.h"
#include "spliced/util/text.h"
#include "spliced/util/units.h"

namespace spliced::api {

using http::problem;
using http::Request;
using http::Response;
using job::JobService;

namespace {

constexpr auto kRead = access::Scope::read;
constexpr auto kRun = access::Scope::run;              // at the least; the service decides by the job
constexpr util::Nanos kMaxWait = 300 * util::kSecond;  // of GET ?wait=
constexpr int kMaxWaiting = 16;                        // clients that wait at the same time; each holds a thread
constexpr std::size_t kDefaultPage = 50;
constexpr std::size_t kMaxPage = 500;
constexpr std::size_t kMaxFullPage = 20;  // of whole jobs, which may have megabytes each

bool is_json(const std::string& content_type) {
  const std::string media = content_type.substr(0, content_type.find(';'));
  const auto end = media.find_last_not_of(' ');
  return util::lower_case(media.substr(0, end == media.npos ? 0 : end + 1)) == "application/json";
}

// Reads the body into a spec and hands it on.
template <class Next>
Response with_spec(const Request& request, const form::RecipeBook& recipes, Next&& next) {
  if (!is_json(request.content_type)) {
    return problem(415, fmt::format("Content-Type is \"{}\"; application/json is expected", request.content_type),
                   {{"", "send the job definition as application/json"}});
  }
  auto read = form::read_spec(request.body, recipes);
  if (read) {
    Response response = next(*read);
    response.about.targets = read->spec.targets;
    return response;
  }
  const form::SpecError& refused = read.error();
  if (refused.malformed) return problem(400, "the body is not valid JSON", refused.errors, "malformed");
  Response response =
      problem(422, fmt::format("{} of the job definition's fields cannot be accepted", refused.errors.size()),
              refused.errors, util::reason_name(util::reason_of({util::Errc::invalid, "", 0, refused.errors})));
  response.about.targets = refused.targets;
  return response;
}

results::Maker maker_of(const Version& version) {
  utsname system{};
  (void)::uname(&system);
  return {version.version, version.revision, system.nodename,
          fmt::format("{} {} {}", system.sysname, system.release, system.version)};
}

class Handlers {
 public:
  Handlers(JobService& service, const form::RecipeBook& recipes, ApiSettings settings)
      : service_(service),
        recipes_(recipes),
        settings_(std::move(settings)),
        maker_(maker_of(settings_.version)),
        streams_(service) {}

  Response create(const Request& request) {
    const auto once = once_by_key(request);
    if (!once) return once.error();
    return submit(request, *once, [&](const job::Submitted& before) { return created(before, 200); });
  }

  Response create_with_id(const Request& request) {
    const auto once = once_by_id(request);
    if (!once) return once.error();
    return submit(request, *once, [&](const job::Submitted& before) { return exists(before.job.id); });
  }

  Response validate(const Request& request) {
    return with_spec(request, recipes_, [&](const form::ReadSpec& read) {
      const auto plan = read.form.with_pointers(service_.validate(read.spec, request.who));
      return answer_json(200, render_plan(plan, read.spec));
    });
  }

  Response list(const Request& request) {
    job::JobFilter filter;
    std::optional<std::size_t> page;
    bool full = false;
    for (const auto& [key, value] : request.query) {
      if (key == "state") {
        const auto found = util::index_of(job::kStateNames, value);
        if (!found) {
          return refuse_query("state", value, fmt::format("one of {}", fmt::join(job::kStateNames, ", ")));
        }
        filter.state = static_cast<job::State>(*found);
      } else if (key == "device") {
        filter.device = value;
      } else if (key == "page_size") {
        const auto [stop, error] =
            std::from_chars(value.data(), value.data() + value.size(), page.emplace(kDefaultPage));
        if (error != std::errc() || stop != value.data() + value.size() || *page < 1 || *page > kMaxPage) {
          return refuse_query("page_size", value, fmt::format("a number from 1 to {}", kMaxPage));
        }
      } else if (key == "view") {
        if (value != "summary" && value != "full") return refuse_query("view", value, "summary or full");
        full = value == "full";
      }
    }
    if (full && page && *page > kMaxFullPage) {
      return refuse_query(
          "page_size", std::to_string(*page),
          fmt::format("with view=full, which answers with whole jobs, a number from 1 to {}", kMaxFullPage));
    }
    job::PageRange range{{}, page.value_or(full ? kMaxFullPage : kDefaultPage)};
    if (const std::string token = request.query_value("page_token"); !token.empty()) {
      range.before = sequence_in(token);
      if (!range.before) return refuse_query("page_token", token, "a next_page_token of an earlier answer");
    }
    return page_of(service_.list(filter, range), full);
  }

  Response get(const Request& request) {
    const std::string id = request.path_values.at("id");
    const std::string wait = request.query_value("wait");
    if (wait.empty()) return show(id);
    const auto time = util::parse_duration(wait);
    if (!time || *time > kMaxWait) return refuse_query("wait", wait, "a duration up to 300s");
    const Waiting waiting(waiting_);
    if (waiting.count > kMaxWaiting) return problem(429, fmt::format("{} clients are waiting already", kMaxWaiting));
    const auto waited = service_.wait(id, *time, request.peer_gone);
    return waited ? show(id) : answer_error(waited.error());
  }

  Response results(const Request& request) {
    auto job = service_.open(request.path_values.at("id"));
    if (!job) return answer_error(job.error());
    try {
      auto text = results_text(std::move(*job), {request.query_value("device"), maker_,
                                                 settings_.results_key ? settings_.results_key() : std::nullopt});
      return text ? text_answer(200, std::move(*text)) : answer_error(text.error());
    } catch (const std::runtime_error& error) {  // it is to be read from the store
      return answer_error({util::Errc::unavailable, error.what(), 0, {}});
    }
  }

  Response events(const Request& request) { return streams_.open(request, ""); }
  Response events_of(const Request& request) { return streams_.open(request, request.path_values.at("id")); }

  Response cancel(const Request& request) { return control(request, &JobService::cancel); }
  Response pause(const Request& request) { return control(request, &JobService::pause); }
  Response resume(const Request& request) { return control(request, &JobService::resume); }

  Response forget(const Request& request) {
    const std::string id = request.path_values.at("id");
    const auto job = service_.wait(id, 0, {});  // while it is known what it was
    const auto status = service_.forget(id, request.who);
    Response response;
    response.status = 204;
    if (!status) response = answer_error(status.error());
    response.about.job = id;
    if (job) response.about = {id, job->targets, job->devices};
    return response;
  }

  Response devices(const Request&) {
    Json list = Json::array();
    for (const auto& device : service_.devices()) list.push_back(render_device(device));
    return answer_json(200, {{"devices", list}});
  }

  Response device(const Request& request) {
    const auto device = service_.device(request.path_values.at("name"));
    return device ? answer_json(200, render_device(*device)) : answer_error(device.error());
  }

  Response recipes(const Request&) {
    Json list = Json::array();
    for (const auto& [name, recipe] : recipes_.all()) {
      const Json whole = Json::parse(recipe.text());
      list.push_back({{"name", name}, {"title", whole.at("title")}, {"description", whole.at("description")}});
    }
    return answer_json(200, {{"recipes", list}});
  }

  Response recipe(const Request& request) {
    const std::string& name = request.path_values.at("name");
    const form::Recipe* known = recipes_.find(name);
    if (known == nullptr) return problem(404, fmt::format("there is no recipe \"{}\"", name));
    return answer_json(200, Json::parse(known->text()));
  }

  Response capabilities(const Request&) { return answer_json(200, render_capabilities(service_.capabilities())); }

  Response version(const Request&) {
    return answer_json(200, {{"name", "spliced"},
                             {"version", settings_.version.version},
                             {"revision", settings_.version.revision},
                             {"compiler", settings_.version.compiler},
                             {"api", "v1"}});
  }

  Response front(const Request&) {
    job::JobFilter running;
    running.active = true;
    const auto jobs = service_.list(running);
    return front_page(settings_.version.version, control_links(), &jobs);
  }

  static Response openapi(const Request&) {
    Response response;
    response.content_type = "application/yaml";
    response.body = embedded::openapi_yaml;
    return response;
  }

 private:
  template <class Repeated>
  Response submit(const Request& request, const job::Once& once, Repeated&& repeated) {
    return with_spec(request, recipes_, [&](const form::ReadSpec& read) {
      const auto submitted = service_.submit_once(read.spec, request.who, once);
      if (!submitted) return answer_error(read.form.with_pointers(submitted.error()));
      Response response = submitted->repeated ? repeated(*submitted) : created(*submitted, 201);
      response.about.job = submitted->job.id;
      for (const auto& device : submitted->job.devices) response.about.devices.push_back(device.facts.name);
      return response;
    });
  }

  Response created(const job::Submitted& submitted, int status) const {
    Response response;
    if (submitted.repeated) {
      response = show(submitted.job.id);
      if (response.status != 200) return response;
    } else {
      const auto view = service_.open(submitted.job.id);
      response = text_answer(status, job_text(view ? *view : job::view_of(submitted.job)));
    }
    response.headers.emplace_back("Location", "/v1/jobs/" + submitted.job.id);
    return response;
  }

  // There is the job that the client wants there to be: it is told what became of it.
  Response exists(const std::string& id) const {
    const auto job = service_.wait(id, 0, {});
    if (!job) return answer_error(job.error());
    const std::string detail = fmt::format("there is a job {} already; it is {}", id, job::state_name(job->state));
    Response response = problem(412, detail);
    Json body = Json::parse(response.body);
    body["job"] = render_summary(*job);
    response.body = form::to_text(body);
    response.headers.emplace_back("Location", "/v1/jobs/" + id);
    return response;
  }

  // Counts the clients that wait at this moment.
  struct Waiting {
    explicit Waiting(std::atomic<int>& counter) : all(counter), count(++counter) {}
    ~Waiting() { --all; }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    std::atomic<int>& all;
    const int count;
  };

  using Control = util::Result<job::JobSummary> (JobService::*)(const std::string&, const access::Principal&);
  Response control(const Request& request, Control deed) {
    const std::string id = request.path_values.at("id");
    const auto done = (service_.*deed)(id, request.who);
    Response response = done ? show(id) : answer_error(done.error());
    response.about.job = id;
    if (done) response.about = {id, done->targets, done->devices};
    return response;
  }

  Response show(const std::string& id) const {
    auto job = service_.open(id);
    if (!job) return answer_error(job.error());
    try {
      return text_answer(200, job_text(std::move(*job)));
    } catch (const std::runtime_error& error) {  // it is to be read from the store
      return answer_error({util::Errc::unavailable, error.what(), 0, {}});
    }
  }

  // The place in the order of the job that a page ended with; the job may be forgotten before the next page is asked
  // for. Its id only tells people which one it was.
  static std::string token_of(const job::JobSummary& job) { return fmt::format("{}.{}", job.sequence, job.id); }
  static std::optional<std::uint64_t> sequence_in(const std::string& token) {
    std::uint64_t sequence = 0;
    const char* const end = token.data() + token.size();
    const auto [stop, error] = std::from_chars(token.data(), end, sequence);
    if (error != std::errc() || stop == end || *stop != '.') return std::nullopt;
    return sequence;
  }

  Response page_of(const job::JobPage& page, bool full) const {
    const std::string next = page.more && !page.jobs.empty() ? token_of(page.jobs.back()) : "";
    if (full) {
      std::vector<std::string> ids;
      for (const auto& job : page.jobs) ids.push_back(job.id);
      return text_answer(200, page_text([this](const std::string& id) { return service_.open(id); }, ids, next));
    }
    Json list = Json::array();
    for (const auto& job : page.jobs) list.push_back(render_summary(job));
    Json body = {{"jobs", list}, {"next_page_token", nullptr}};
    if (!next.empty()) body["next_page_token"] = next;
    return answer_json(200, body);
  }

  JobService& service_;
  const form::RecipeBook& recipes_;
  const ApiSettings settings_;
  const results::Maker maker_;
  std::atomic<int> waiting_{0};
  EventStreams streams_;
};

}  // namespace

std::vector<http::Route> api_routes(JobService& service, const form::RecipeBook& recipes, const ApiSettings& settings) {
  const auto h = std::make_shared<Handlers>(service, recipes, settings);
  const auto to = [&](Response (Handlers::*method)(const Request&)) {
    return [h, method](const Request& request) { return (h.get()->*method)(request); };
  };
  return {
      {"POST", "/v1/jobs", to(&Handlers::create), {}, true, false, kRun, {std::string(kKeyField)}},
      {"PUT", "/v1/jobs/{id}", to(&Handlers::create_with_id), {}, true, false, kRun, {std::string(kPreconditionField)}},
      {"POST", "/v1/jobs:validate", to(&Handlers::validate), {}, true, true},
      {"GET", "/v1/jobs", to(&Handlers::list), {"state", "device", "view", "page_size", "page_token"}},
      {"GET", "/v1/jobs/{id}", to(&Handlers::get), {"wait"}},
      {"GET", "/v1/jobs/{id}/results", to(&Handlers::results), {"device"}},
      {"GET", "/v1/jobs/{id}/events", to(&Handlers::events_of), {"follow"}, false, false, kRead, {"last-event-id"}},
      {"GET", "/v1/events", to(&Handlers::events), {"follow"}, false, false, kRead, {"last-event-id"}},
      {"POST", "/v1/jobs/{id}:cancel", to(&Handlers::cancel), {}, false, false, kRun},
      {"POST", "/v1/jobs/{id}:pause", to(&Handlers::pause), {}, false, false, kRun},
      {"POST", "/v1/jobs/{id}:resume", to(&Handlers::resume), {}, false, false, kRun},
      {"DELETE", "/v1/jobs/{id}", to(&Handlers::forget), {}, false, false, kRun},
      {"GET", "/v1/devices", to(&Handlers::devices)},
      {"GET", "/v1/devices/{name}", to(&Handlers::device)},
      {"GET", "/v1/recipes", to(&Handlers::recipes)},
      {"GET", "/v1/recipes/{name}", to(&Handlers::recipe)},
      {"GET", "/v1/capabilities", to(&Handlers::capabilities)},
      {"GET", "/v1/version", to(&Handlers::version)},
      {"GET", "/openapi.yaml", &Handlers::openapi},
      {"GET", "/", to(&Handlers::front)}};
}

}  // namespace spliced::api
