// SPDX-License-Identifier: Apache-2.0
#include "http/router.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace spliced::http {
namespace {

using Values = std::map<std::string, std::string>;

Handler says(std::string text) {
  return [text = std::move(text)](const Request&) {
    Response response;
    response.body = text;
    return response;
  };
}

Router make_router() {
  Router router;
  router.add({"GET", "/v1/jobs", says("list")});
  router.add(std::vector<Route>{{"POST", "/v1/jobs", says("create")},
                                {"POST", "/v1/jobs:validate", says("validate")},
                                {"GET", "/v1/jobs/{id}", says("get")},
                                {"DELETE", "/v1/jobs/{id}", says("forget")},
                                {"POST", "/v1/jobs/{id}:cancel", says("cancel")}});
  return router;
}

// What answers, or "404" and the like with the Allow header.
std::string ask(const std::string& method, const std::string& path, Values* values = nullptr) {
  const Router router = make_router();
  Values found;
  Response refusal;
  const Route* route = router.match(method, path, found, refusal);
  if (values != nullptr) *values = found;
  if (route != nullptr) return route->handler({}).body;
  std::string out = std::to_string(refusal.status);
  for (const auto& [name, value] : refusal.headers) out += " " + name + ": " + value;
  return out;
}

bool fits(std::string_view pattern, std::string_view path) {
  Values values;
  return match_path(pattern, path, values);
}

TEST(MatchPath, TakesLiteralsWhole) {
  EXPECT_TRUE(fits("/livez", "/livez"));
  EXPECT_FALSE(fits("/livez", "/live"));
  EXPECT_FALSE(fits("/livez", "/livez/"));
  EXPECT_FALSE(fits("/livez", ""));
  EXPECT_FALSE(fits("/livez", "/LIVEZ"));
}

TEST(MatchPath, PlaceholdersEndAtSlashAndColon) {
  Values values;
  EXPECT_TRUE(match_path("/a/{x}/b/{y}", "/a/1/b/two", values));
  EXPECT_EQ(values, (Values{{"x", "1"}, {"y", "two"}}));
  EXPECT_FALSE(fits("/a/{x}", "/a/1/2"));
  EXPECT_FALSE(fits("/a/{x}", "/a/1:2"));
  EXPECT_TRUE(fits("/a/{x}:go", "/a/1:go"));
}

TEST(MatchPath, PlaceholdersAreNeverEmpty) {
  EXPECT_FALSE(fits("/a/{x}", "/a/"));
  EXPECT_FALSE(fits("/a/{x}:go", "/a/:go"));
}

TEST(Router, FindsTheRouteOfMethodAndPath) {
  EXPECT_EQ(ask("GET", "/v1/jobs"), "list");
  EXPECT_EQ(ask("POST", "/v1/jobs"), "create");
  EXPECT_EQ(ask("POST", "/v1/jobs:validate"), "validate");
  EXPECT_EQ(ask("DELETE", "/v1/jobs/7"), "forget");
}

TEST(Router, HandsOutTheValuesOfPlaceholders) {
  Values values;
  EXPECT_EQ(ask("POST", "/v1/jobs/0f-3:cancel", &values), "cancel");
  EXPECT_EQ(values, (Values{{"id", "0f-3"}}));
}

TEST(Router, HeadIsServedByGet) {
  EXPECT_EQ(ask("HEAD", "/v1/jobs"), "list");
  EXPECT_EQ(ask("HEAD", "/v1/jobs/7"), "get");
  EXPECT_EQ(ask("HEAD", "/v1/jobs:validate"), "405 Allow: POST");
}

TEST(Router, NothingThereIs404WithoutAllow) {
  for (const char* path : {"", "/", "/v1", "/v1/jobs/", "/v1/jobs/7/", "/v1/jobs/7:halt", "/v2/jobs", "//v1/jobs"}) {
    EXPECT_EQ(ask("GET", path), "404") << path;
  }
}

TEST(Router, AnotherMethodIs405WithEveryOneThatIsAllowed) {
  EXPECT_EQ(ask("PUT", "/v1/jobs"), "405 Allow: GET, HEAD, POST");
  EXPECT_EQ(ask("POST", "/v1/jobs/7"), "405 Allow: DELETE, GET, HEAD");
  EXPECT_EQ(ask("GET", "/v1/jobs/7:cancel"), "405 Allow: POST");
  EXPECT_EQ(ask("OPTIONS", "/v1/jobs"), "405 Allow: GET, HEAD, POST");
  EXPECT_EQ(ask("get", "/v1/jobs"), "405 Allow: GET, HEAD, POST");
}

TEST(Router, RefusalsAreProblems) {
  const Router router = make_router();
  Values values{{"left", "alone"}};
  Response refusal;
  ASSERT_EQ(router.match("GET", "/nowhere", values, refusal), nullptr);
  EXPECT_EQ(refusal.content_type, "application/problem+json");
  const auto body = nlohmann::json::parse(refusal.body);
  EXPECT_EQ(body.at("status"), 404);
  EXPECT_NE(body.at("detail").get<std::string>().find("/nowhere"), std::string::npos);
  EXPECT_EQ(values, (Values{{"left", "alone"}}));
}

TEST(Router, EmptyOneKnowsNothing) {
  Values values;
  Response refusal;
  EXPECT_EQ(Router().match("GET", "/", values, refusal), nullptr);
  EXPECT_EQ(refusal.status, 404);
}

}  // namespace
}  // namespace spliced::http
