// SPDX-License-Identifier: Apache-2.0
#include "api/routes.h"
#include "api/responses.h"

#include <set>
#include <thread>

#include "http/router.h"
#include "service_fixture.h"
#include "unit/store/texts.h"

namespace spliced::api {
namespace {

using http::Request;
using http::Response;
using nlohmann::json;

class RoutesTest : public test::ServiceTest {
 protected:
  RoutesTest() { build(); }
  void build(job::ServiceLimits limits = {}) {
    restart(limits);
    router_ = http::Router();
    router_.add(api_routes(*service_, recipes_, {{"1.2.3", "abc", "GNU 12"}}));
  }
  Response ask(const std::string& method, const std::string& path, const std::string& body = "",
               const std::string& type = "application/json") {
    Request request;
    request.method = method;
    request.path = path.substr(0, path.find('?'));
    request.content_type = type;
    request.who = access::anonymous(access::Scope::destroy);
    request.body = body;
    for (std::size_t at = path.find('?'); at != path.npos;) {
      const std::size_t next = path.find('&', at + 1);
      const std::string pair = path.substr(at + 1, next == path.npos ? next : next - at - 1);
      request.query.emplace(pair.substr(0, pair.find('=')), pair.substr(pair.find('=') + 1));
      at = next;
    }
    Response refusal;
    const http::Route* route = router_.match(method, request.path, request.path_values, refusal);
    if (route == nullptr) return refusal;
    if (auto wrong = http::check_query(request, *route)) return *wrong;
    return route->handler(request);
  }
  static std::string body_of(const Response& response) {
    return response.more ? testing::text_of(response.more) : response.body;
  }
  // Asks, expects that status and returns the body.
  json expect(int status, const std::string& method, const std::string& path, const std::string& body = "") {
    const Response response = ask(method, path, body);
    EXPECT_EQ(response.status, status) << method << " " << path << "\n" << response.body;
    if (status >= 400) {
      EXPECT_EQ(response.content_type, "application/problem+json");
    }
    if (response.body.empty() && !response.more) return nullptr;
    json parsed = json::parse(body_of(response));
    if (status >= 400) {
      EXPECT_EQ(parsed.at("status"), status);
    }
    return parsed;
  }
  std::string create(const json& definition) {
    return expect(201, "POST", "/v1/jobs", definition.dump()).at("id").get<std::string>();
  }
  std::string finished(const std::string& file = "a.dat") {
    const std::string id = create(short_job(file));
    EXPECT_EQ(expect(200, "GET", "/v1/jobs/" + id + "?wait=60s").at("state"), "SUCCEEDED");
    return id;
  }
  std::vector<std::string> ids(const std::string& query) {
    std::vector<std::string> out;
    const json page = expect(200, "GET", "/v1/jobs" + query);
    for (const auto& job : page.at("jobs")) out.push_back(job.at("id"));
    return out;
  }

  http::Router router_;
};

using Ids = std::vector<std::string>;

TEST_F(RoutesTest, CreateAnswers201WithLocationAndTheJob) {
  const Response response = ask("POST", "/v1/jobs", short_job().dump());
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(response.content_type, "application/json");
  const json job = json::parse(response.body);
  const std::string id = job.at("id");
  ASSERT_EQ(response.headers.size(), 1U);
  EXPECT_EQ(response.headers[0], std::pair(std::string("Location"), "/v1/jobs/" + id));
  EXPECT_EQ(job.at("name"), "short");
  EXPECT_EQ(job.at("stages").at(0).at("workload").at("rw"), "read");
  const json done = expect(200, "GET", "/v1/jobs/" + id + "?wait=60s");
  EXPECT_EQ(done.at("state"), "SUCCEEDED");
  EXPECT_EQ(done.at("verdict"), "PASS");
  EXPECT_EQ(done.at("devices")[0].at("progress"), 1.0);
  EXPECT_EQ(done.at("devices")[0].at("io").at("read").at("bytes"), kFileBytes);
  EXPECT_EQ(done.at("devices")[0].at("io").at("read").at("operations"), 16);
  EXPECT_LE(done.at("created_at"), done.at("started_at"));
  EXPECT_LE(done.at("started_at"), done.at("ended_at"));
}

TEST_F(RoutesTest, DefinitionsAreJsonByName) {
  for (const char* type : {"", "text/plain", "application/jsonx", "application/x-www-form-urlencoded", "json"}) {
    EXPECT_EQ(ask("POST", "/v1/jobs", short_job().dump(), type).status, 415) << type;
    EXPECT_EQ(ask("POST", "/v1/jobs:validate", short_job().dump(), type).status, 415) << type;
  }
  for (const char* type :
       {"application/json", "Application/JSON", "application/json; charset=utf-8", "application/json ;charset=utf-8"}) {
    EXPECT_EQ(ask("POST", "/v1/jobs:validate", short_job().dump(), type).status, 200) << type;
  }
  EXPECT_TRUE(ids("").empty());
}

TEST_F(RoutesTest, MalformedIs400AndWrongIs422WithEveryError) {
  const json malformed = expect(400, "POST", "/v1/jobs", R"({"a": 1, "a": 2})");
  EXPECT_EQ(malformed.at("errors")[0].at("pointer"), "/a");
  expect(400, "POST", "/v1/jobs", "");
  json job = short_job();
  job["workload"]["bs"] = 1;
  job["colour"] = "red";
  for (const char* path : {"/v1/jobs", "/v1/jobs:validate"}) {
    const json wrong = expect(422, "POST", path, job.dump());
    std::set<std::string> pointers;
    for (const auto& error : wrong.at("errors")) pointers.insert(error.at("pointer"));
    EXPECT_EQ(pointers, (std::set<std::string>{"/workload/bs", "/colour"}));
  }
}

TEST_F(RoutesTest, TargetsThatCannotBeUsedAreNamed) {
  json job = short_job("missing.dat");
  EXPECT_EQ(expect(422, "POST", "/v1/jobs", job.dump()).at("errors")[0].at("pointer"), "/targets/0");
  job["targets"] = {"/outside/of/everything"};
  const Response response = ask("POST", "/v1/jobs", job.dump());
  EXPECT_GE(response.status, 400);
  job["targets"] = {"/etc/hostname"};
  expect(409, "POST", "/v1/jobs", job.dump());
  job = short_job();
  job["workload"]["size"] = "1M";
  EXPECT_EQ(expect(422, "POST", "/v1/jobs", job.dump()).at("errors")[0].at("pointer"), "/workload/size");
}

TEST_F(RoutesTest, BusyTargetIs409AndNamesTheJob) {
  const std::string id = create(long_job());
  const json refused = expect(409, "POST", "/v1/jobs", short_job().dump());
  EXPECT_NE(refused.at("detail").get<std::string>().find(id), std::string::npos);
  expect(200, "POST", "/v1/jobs/" + id + ":cancel");
}

TEST_F(RoutesTest, CancelIsIdempotent) {
  const std::string id = create(long_job());
  const std::string state = expect(200, "POST", "/v1/jobs/" + id + ":cancel").at("state");
  EXPECT_TRUE(state == "STOPPING" || state == "CANCELLED") << state;
  EXPECT_EQ(expect(200, "GET", "/v1/jobs/" + id + "?wait=60s").at("state"), "CANCELLED");
  EXPECT_EQ(expect(200, "POST", "/v1/jobs/" + id + ":cancel").at("state"), "CANCELLED");
  const std::string ended = finished();
  EXPECT_EQ(expect(200, "POST", "/v1/jobs/" + ended + ":cancel").at("state"), "SUCCEEDED");
}

TEST_F(RoutesTest, ForgetIs204AndOnlyForEndedJobs) {
  const std::string id = create(long_job());
  expect(409, "DELETE", "/v1/jobs/" + id);
  expect(200, "POST", "/v1/jobs/" + id + ":cancel");
  expect(200, "GET", "/v1/jobs/" + id + "?wait=60s");
  const Response response = ask("DELETE", "/v1/jobs/" + id);
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(response.body, "");
  expect(404, "GET", "/v1/jobs/" + id);
  expect(404, "DELETE", "/v1/jobs/" + id);
}

TEST_F(RoutesTest, UnknownJobsAndDevicesAre404) {
  expect(404, "GET", "/v1/jobs/nobody");
  expect(404, "GET", "/v1/jobs/nobody?wait=1s");
  expect(404, "POST", "/v1/jobs/nobody:cancel");
  expect(404, "GET", "/v1/devices/sdzz");
  expect(404, "GET", "/v1");
}

TEST_F(RoutesTest, WrongMethodsAre405WithAllow) {
  const std::pair<const char*, const char*> wrong[] = {{"/v1/jobs", "GET, HEAD, POST"},
                                                       {"/v1/jobs:validate", "POST"},
                                                       {"/v1/jobs/x:cancel", "POST"},
                                                       {"/v1/devices", "GET, HEAD"},
                                                       {"/openapi.yaml", "GET, HEAD"}};
  for (const auto& [path, allow] : wrong) {
    const Response response = ask("PATCH", path);
    EXPECT_EQ(response.status, 405) << path;
    ASSERT_EQ(response.headers.size(), 1U);
    EXPECT_EQ(response.headers[0], std::pair(std::string("Allow"), std::string(allow)));
  }
}

TEST_F(RoutesTest, ListIsNewestFirstAndFiltered) {
  make_file("b.dat");
  const std::string first = finished();
  const std::string second = finished("b.dat");
  const std::string third = create(long_job());
  EXPECT_EQ(ids(""), (Ids{third, second, first}));
  EXPECT_EQ(ids("?state=SUCCEEDED"), (Ids{second, first}));
  EXPECT_EQ(ids("?state=RUNNING"), Ids{third});
  EXPECT_EQ(ids("?state=FAILED"), Ids{});
  EXPECT_EQ(ids("?device=" + (dir_ / "b.dat")), Ids{second});
  EXPECT_EQ(ids("?state=SUCCEEDED&device=" + (dir_ / "a.dat")), Ids{first});
  EXPECT_EQ(ids("?device=sda"), Ids{});
}

TEST_F(RoutesTest, ListComesInPages) {
  Ids all;
  for (int i = 0; i < 5; ++i) all.insert(all.begin(), finished());
  Ids seen;
  json token = "";
  for (int pages = 0; !token.is_null(); ++pages) {
    ASSERT_LT(pages, 4);
    const json page = expect(200, "GET", "/v1/jobs?page_size=2&page_token=" + token.get<std::string>());
    EXPECT_LE(page.at("jobs").size(), 2U);
    for (const auto& job : page.at("jobs")) seen.push_back(job.at("id"));
    token = page.at("next_page_token");
  }
  EXPECT_EQ(seen, all);
  EXPECT_EQ(expect(200, "GET", "/v1/jobs?page_size=5").at("next_page_token"), nullptr);
}

TEST_F(RoutesTest, AListTellsLittleOfEachJobAndTheWholeOnRequest) {
  const std::string id = finished();
  const json summary = expect(200, "GET", "/v1/jobs").at("jobs").at(0);
  EXPECT_EQ(summary.at("id"), id);
  EXPECT_EQ(summary.at("name"), "short");
  EXPECT_EQ(summary.at("state"), "SUCCEEDED");
  EXPECT_EQ(summary.at("verdict"), "PASS");
  EXPECT_EQ(summary.at("progress"), 1.0);
  EXPECT_EQ(summary.at("errors"), 0);
  EXPECT_EQ(summary.at("destructive"), false);
  EXPECT_EQ(summary.at("target_count"), 1);
  EXPECT_EQ(summary.at("targets"), json::array({dir_ / "a.dat"}));
  EXPECT_EQ(summary.at("devices"), json::array({dir_ / "a.dat"}));
  EXPECT_FALSE(summary.contains("workload"));
  EXPECT_EQ(expect(200, "GET", "/v1/jobs?view=summary").at("jobs").at(0), summary);
  const json whole = expect(200, "GET", "/v1/jobs?view=full").at("jobs").at(0);
  EXPECT_EQ(whole, expect(200, "GET", "/v1/jobs/" + id));
}

TEST_F(RoutesTest, WholeJobsComeInSmallPages) {
  Ids all;
  for (int i = 0; i < 22; ++i) all.insert(all.begin(), finished());
  const json page = expect(200, "GET", "/v1/jobs?view=full");
  EXPECT_EQ(page.at("jobs").size(), 20U);
  const json rest =
      expect(200, "GET", "/v1/jobs?view=full&page_size=20&page_token=" + page.at("next_page_token").get<std::string>());
  ASSERT_EQ(rest.at("jobs").size(), 2U);
  EXPECT_EQ(rest.at("jobs")[1].at("id"), all.back());
  const json refused = expect(400, "GET", "/v1/jobs?view=full&page_size=21");
  EXPECT_NE(refused.at("detail").get<std::string>().find("1 to 20"), std::string::npos) << refused;
  expect(400, "GET", "/v1/jobs?page_size=21&view=full");
  EXPECT_NE(expect(400, "GET", "/v1/jobs?view=all").at("detail").get<std::string>().find("summary or full"),
            std::string::npos);
}

TEST_F(RoutesTest, PagesGoOnWhenTheirJobsAreForgotten) {
  Ids all;
  for (int i = 0; i < 5; ++i) all.insert(all.begin(), finished());
  Ids seen;
  json token = "";
  while (!token.is_null() && seen.size() <= all.size()) {
    const json page = expect(200, "GET", "/v1/jobs?page_size=2&page_token=" + token.get<std::string>());
    for (const auto& job : page.at("jobs")) {
      seen.push_back(job.at("id"));
      expect(204, "DELETE", "/v1/jobs/" + seen.back());
    }
    token = page.at("next_page_token");
  }
  EXPECT_EQ(seen, all);
  EXPECT_EQ(ids(""), Ids{});
}

TEST_F(RoutesTest, BadQueriesAre400AndSayWhat) {
  for (const char* query : {"state=running", "state=", "page_size=0", "page_size=501", "page_size=-1", "page_size=x",
                            "page_size=", "page_size=99999999999999999999", "page_token=nobody", "page_token=5",
                            "page_token=.x", "colour=red"}) {
    const json refused = expect(400, "GET", std::string("/v1/jobs?") + query);
    const std::string key = std::string(query).substr(0, std::string(query).find('='));
    EXPECT_NE(refused.at("detail").get<std::string>().find(key), std::string::npos) << query;
  }
  EXPECT_EQ(ids("?page_size=1"), Ids{});
  EXPECT_EQ(ids("?page_size=500"), Ids{});
}

TEST_F(RoutesTest, WaitEndsWithTheTime) {
  const std::string id = create(long_job());
  EXPECT_EQ(expect(200, "GET", "/v1/jobs/" + id + "?wait=1ms").at("state"), "RUNNING");
  EXPECT_EQ(expect(200, "GET", "/v1/jobs/" + id + "?wait=0").at("state"), "RUNNING");
  for (const char* wait : {"soon", "-1s", "301s", "1e3", "1h"}) expect(400, "GET", "/v1/jobs/" + id + "?wait=" + wait);
}

TEST_F(RoutesTest, WaitEndsWithTheShutdown) {
  const std::string id = create(long_job());
  std::jthread other([&] { service_->begin_shutdown(); });
  EXPECT_EQ(ask("GET", "/v1/jobs/" + id + "?wait=60s").status, 200);
}

TEST_F(RoutesTest, SixteenMayWaitAndNoMore) {
  const std::string id = create(long_job());
  std::vector<std::jthread> threads;
  std::atomic<int> refused{0};
  // Whoever is refused ends the job, and with it the waiting of the others.
  for (int i = 0; i < 17; ++i) {
    threads.emplace_back([&] {
      if (ask("GET", "/v1/jobs/" + id + "?wait=60s").status != 429) return;
      ++refused;
      ask("POST", "/v1/jobs/" + id + ":cancel");
    });
  }
  threads.clear();
  EXPECT_EQ(refused, 1);
}

TEST_F(RoutesTest, FullIs429AndShutdownIs503WithRetryAfter) {
  job::ServiceLimits limits;
  limits.running_jobs = 1;
  build(limits);
  make_file("b.dat");
  create(long_job());
  const Response full = ask("POST", "/v1/jobs", short_job("b.dat").dump());
  EXPECT_EQ(full.status, 429);
  service_->begin_shutdown();
  const Response late = ask("POST", "/v1/jobs", short_job("b.dat").dump());
  EXPECT_EQ(late.status, 503);
  EXPECT_EQ(json::parse(full.body).at("type"), "urn:spliced:problem:limit");
  EXPECT_EQ(json::parse(late.body).at("type"), "urn:spliced:problem:unavailable");
  for (const Response& response : {full, late}) {
    ASSERT_EQ(response.headers.size(), 1U);
    EXPECT_EQ(response.headers[0].first, "Retry-After");
  }
}

TEST_F(RoutesTest, ValidateTouchesNothing) {
  json job = short_job("new.dat");
  job["workload"].update({{"rw", "write"}, {"size", "64k"}, {"runtime", "2s"}, {"time_based", true}});
  job["destructive"] = true;
  const json plan = expect(200, "POST", "/v1/jobs:validate", job.dump());
  EXPECT_EQ(plan.at("accepted"), true);
  EXPECT_EQ(plan.at("targets")[0].at("would_create"), true);
  EXPECT_EQ(plan.at("targets")[0].at("blocks"), 16);
  EXPECT_EQ(plan.at("targets")[0].at("estimated_seconds"), 2.0);
  EXPECT_EQ(plan.at("spec").at("name"), "short");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "new.dat"));
  EXPECT_TRUE(ids("").empty());
  job["targets"] = {"/etc/hostname"};
  const json refused = expect(200, "POST", "/v1/jobs:validate", job.dump());
  EXPECT_EQ(refused.at("accepted"), false);
  EXPECT_FALSE(refused.at("targets")[0].at("refusals").empty());
}

TEST_F(RoutesTest, OtherResourcesAnswer) {
  EXPECT_EQ(expect(200, "GET", "/v1/devices").at("devices"), json::array());
  EXPECT_EQ(
      expect(200, "GET", "/v1/version"),
      (json{{"name", "spliced"}, {"version", "1.2.3"}, {"revision", "abc"}, {"compiler", "GNU 12"}, {"api", "v1"}}));
  EXPECT_TRUE(expect(200, "GET", "/v1/capabilities").contains("read_paths"));
  const Response yaml = ask("GET", "/openapi.yaml");
  EXPECT_EQ(yaml.content_type, "application/yaml");
  EXPECT_EQ(yaml.body, std::string(embedded::openapi_yaml));
}

TEST(AnswerError, EveryCodeHasItsStatus) {
  using util::Errc;
  const std::pair<Errc, int> table[] = {{Errc::invalid, 422},   {Errc::not_found, 404},   {Errc::conflict, 409},
                                        {Errc::exhausted, 429}, {Errc::unavailable, 503}, {Errc::system, 500},
                                        {Errc::internal, 500}};
  for (const auto& [code, status] : table) {
    EXPECT_EQ(status_of(code), status);
    const Response response = answer_error({code, "why", 0, {{"/name", "because"}}});
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(json::parse(response.body).at("errors")[0].at("pointer"), "/name");
  }
}

}  // namespace
}  // namespace spliced::api
