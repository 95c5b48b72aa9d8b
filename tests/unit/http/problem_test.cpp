// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "http/message.h"

namespace spliced::http {
namespace {

using nlohmann::json;

TEST(Problem, HasTheMembersOfRfc9457) {
  const Response response = problem(500, "no disk");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.content_type, "application/problem+json");
  EXPECT_EQ(json::parse(response.body), (json{{"type", "urn:spliced:problem:internal"},
                                              {"title", "Internal Server Error"},
                                              {"status", 500},
                                              {"detail", "no disk"}}));
  EXPECT_EQ(json::parse(problem(409, "x", {}, "mounted").body).at("type"), "urn:spliced:problem:mounted");
}

TEST(Problem, ATypeFollowsFromTheStatusWhereItSaysEnough) {
  std::set<std::string> types;
  for (const int status : {400, 401, 404, 405, 408, 411, 413, 414, 415, 417, 421, 422, 429, 431, 500, 501, 503}) {
    types.insert(json::parse(problem(status, "x").body).at("type").get<std::string>());
  }
  EXPECT_EQ(types.size(), 17U);
}

TEST(Problem, ErrorsAreListedWhenThereAreAny) {
  const auto body =
      json::parse(problem(422, "no", {{"/workload/bs", "odd"}, {"", "all of it", util::Reason::hung}}).body);
  EXPECT_EQ(body.at("errors"),
            (json::array({{{"pointer", "/workload/bs"}, {"detail", "odd"}, {"type", "urn:spliced:problem:invalid"}},
                          {{"pointer", ""}, {"detail", "all of it"}, {"type", "urn:spliced:problem:hung"}}})));
  EXPECT_FALSE(json::parse(problem(422, "no").body).contains("errors"));
}

TEST(Problem, BytesThatAreNotUtf8AreReplaced) {
  const Response response = problem(400, "path /\xff\xfe\xc3(", {{"/\x80", "\xed\xa0\x80"}});
  const auto body = json::parse(response.body);  // throws on anything that is not UTF-8
  EXPECT_NE(body.at("detail").get<std::string>().find("\xef\xbf\xbd"), std::string::npos);
  EXPECT_NE(body.at("errors")[0].at("pointer").get<std::string>().find("\xef\xbf\xbd"), std::string::npos);
}

TEST(Problem, QuotesAndControlCharactersAreEscaped) {
  const std::string nasty("\"\\\r\n\0\x7f</script>", 15);
  EXPECT_EQ(json::parse(problem(400, nasty).body).at("detail"), nasty);
}

TEST(Problem, EveryStatusOfTheContractHasATitle) {
  for (const int status :
       {200, 201, 204, 400, 401, 403, 404, 405, 408, 409, 411, 412, 413, 414, 415, 422, 429, 431, 500, 503}) {
    EXPECT_NE(status_title(status), "Error") << status;
  }
  EXPECT_EQ(status_title(299), "Error");
}

TEST(Request, QueryValueIsEmptyWhenAbsent) {
  Request request;
  request.query = {{"wait", "3s"}};
  EXPECT_EQ(request.query_value("wait"), "3s");
  EXPECT_EQ(request.query_value("state"), "");
}

}  // namespace
}  // namespace spliced::http
