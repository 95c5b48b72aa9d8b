// SPDX-License-Identifier: Apache-2.0
#include "form/key_hints.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "form/spec_reader.h"

namespace spliced::form {
namespace {

// The detail of the error at `pointer`; "" when there is none.
std::string said(const std::string& body, const std::string& pointer) {
  const auto spec = read_spec(body);
  if (spec) return "";
  for (const auto& error : spec.error().errors) {
    if (error.pointer == pointer) return error.detail;
  }
  return "";
}

TEST(KeyHints, AKeyOfFiosSaysWhatToUseHere) {
  for (const auto& [key, hint] :
       std::initializer_list<std::pair<const char*, const char*>>{{"numjobs", "workers"},
                                                                  {"filename", "/targets"},
                                                                  {"iodepth", "workers"},
                                                                  {"ioengine", "/engine"},
                                                                  {"blocksize", "/workload/bs"},
                                                                  {"readwrite", "/workload/rw"},
                                                                  {"timeout", "runtime"},
                                                                  {"randseed", "seed"},
                                                                  {"buffered", "direct"},
                                                                  {"verify_pattern", "recomputed"},
                                                                  {"stonewall", "use /stages"},
                                                                  {"zonemode", "zoned disks"},
                                                                  {"norandommap", "leave it out"},
                                                                  {"write_bw_log", "/metrics"},
                                                                  {"thread", "leave it out"},
                                                                  {"ss", "/workload/until"},
                                                                  {"uid", "starts no programs"}}) {
    for (const char* where : {"/workload/", "/"}) {
      const bool inside = where[1] != '\0';
      const std::string member = "\"" + std::string(key) + "\": 1";
      const std::string body = inside ? "{\"targets\": [\"/x\"], \"workload\": {" + member + "}}"
                                      : "{\"targets\": [\"/x\"], " + member + "}";
      const std::string detail = said(body, where + std::string(key));
      EXPECT_NE(detail.find("fio"), detail.npos) << key << ": " << detail;
      EXPECT_NE(detail.find(hint), detail.npos) << key << ": " << detail;
    }
  }
}

TEST(KeyHints, AKeyAtTheWrongPlaceSaysWhereItBelongs) {
  EXPECT_NE(said(R"({"targets": ["/x"], "bs": "4k"})", "/bs").find("belongs into /workload"), std::string::npos);
  EXPECT_NE(said(R"({"targets": ["/x"], "max_errors": 3})", "/max_errors").find("belongs into /error_policy"),
            std::string::npos);
  EXPECT_NE(said(R"({"targets": ["/x"], "workload": {"batch": 3}})", "/workload/batch").find("belongs into /engine"),
            std::string::npos);
  EXPECT_NE(said(R"({"targets": ["/x"], "workload": {"destructive": true}})", "/workload/destructive")
                .find("belongs into the job itself"),
            std::string::npos);
}

TEST(KeyHints, StagesWithinStagesAreKnown) {
  const std::string inner =
      R"({"targets": ["/x"], "stages": [{"repeat": {"times": 2, "stages": [{"wait": 1, "bs": 1}]}},)"
      R"({"streams": [{"workload": {}, "wait": 1}], "start_delay": 1}]})";
  EXPECT_NE(said(inner, "/stages/0/repeat/stages/0/bs").find("belongs into /workload"), std::string::npos);
  EXPECT_NE(said(inner, "/stages/1/streams/0/wait").find("belongs into a stage"), std::string::npos);
  EXPECT_NE(said(inner, "/stages/1/start_delay").find("belongs into one of the streams"), std::string::npos);
}

TEST(KeyHints, AnyOtherKeySaysWhatIsKnown) {
  for (const char* key : {"wrokload", "", "num jobs", "numjob", "umjobs", "NUMJOBS"})
    EXPECT_EQ(fio_hint(key), "") << key;
  EXPECT_NE(said(R"({"targets": ["/x"], "wrokload": {}})", "/wrokload").find("known are"), std::string::npos);
}

}  // namespace
}  // namespace spliced::form
