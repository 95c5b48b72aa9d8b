// SPDX-License-Identifier: Apache-2.0
#include "job/submissions.h"

#include <future>

#include "service_fixture.h"

namespace spliced::job {
namespace {

using util::Errc;
using util::Reason;

const access::Principal kAnn{"uid:1000", access::Scope::destroy};
const access::Principal kBob{"uid:1001", access::Scope::destroy};

struct SubmissionsTest : testing::ServiceFixture {
  SubmissionsTest() { start(null_engines()); }
  // A new service on the same store.
  void start_again() {
    ASSERT_TRUE(service->stop_all(testing::kPatienceNanos));
    start(null_engines());
    ASSERT_TRUE(service->restore());
  }
  util::Result<Submitted> submit_by(const access::Principal& who, const Once& once) {
    return service->submit_once(testing::reading({file}), who, once);
  }
  // The job that it made, or repeats; what `expected` says of that.
  std::string must(const access::Principal& who, const Once& once, bool repeated) {
    const auto out = submit_by(who, once);
    EXPECT_TRUE(out) << (out ? "" : out.error().message);
    if (!out) return "";
    EXPECT_EQ(out->repeated, repeated);
    EXPECT_TRUE(service->wait(out->job.id, testing::kPatienceNanos));
    return out->job.id;
  }
  util::Error must_not(const access::Principal& who, const Once& once) {
    const auto out = submit_by(who, once);
    EXPECT_FALSE(out);
    return out ? util::Error{} : out.error();
  }
  void forget(const std::string& id) {
    const auto done = service->forget(id, kAnn);
    EXPECT_TRUE(done) << done.error().message;
  }

  const std::string file = dir.file("file", 64 * 1024);
  const Once by_key{"", "key", "digest"};
  const Once by_id{"0a1b2c3d-0000-4000-8000-000000000001", "", ""};
};

TEST_F(SubmissionsTest, AKeyStandsForOneJobOfOnePrincipal) {
  const std::string first = must(kAnn, by_key, false);
  EXPECT_EQ(must(kAnn, by_key, true), first);
  EXPECT_NE(must(kBob, by_key, false), first);
  EXPECT_NE(must(kAnn, {"", "another", "digest"}, false), first);
  EXPECT_EQ(service->list({}).size(), 3U);
}

TEST_F(SubmissionsTest, AKeyStandsForOneDefinition) {
  must(kAnn, by_key, false);
  const util::Error refused = must_not(kAnn, {"", "key", "another"});
  EXPECT_EQ(refused.code, Errc::invalid);
  EXPECT_EQ(util::reason_of(refused), Reason::key_reused);
}

TEST_F(SubmissionsTest, AJobOfThatIdIsNotMadeTwice) {
  EXPECT_EQ(must(kAnn, by_id, false), by_id.id);
  EXPECT_EQ(must(kBob, by_id, true), by_id.id);
  EXPECT_EQ(service->list({}).size(), 1U);
}

TEST_F(SubmissionsTest, WhatWasForgottenIsGone) {
  forget(must(kAnn, by_key, false));
  forget(must(kAnn, by_id, false));
  for (const bool again : {false, true}) {
    if (again) start_again();
    EXPECT_EQ(must_not(kAnn, by_key).code, Errc::gone);
    EXPECT_EQ(must_not(kAnn, by_id).code, Errc::gone);
  }
  EXPECT_TRUE(service->list({}).empty());
}

TEST_F(SubmissionsTest, KeysAndIdsHoldUnderTheNextDaemon) {
  const std::string first = must(kAnn, by_key, false);
  must(kAnn, by_id, false);
  start_again();
  EXPECT_EQ(must(kAnn, by_key, true), first);
  EXPECT_EQ(must(kAnn, by_id, true), by_id.id);
  EXPECT_EQ(util::reason_of(must_not(kAnn, {"", "key", "another"})), Reason::key_reused);
}

TEST_F(SubmissionsTest, WhatWasRefusedBindsNothing) {
  const auto refused = service->submit_once(testing::reading({dir / "missing"}), kAnn, by_key);
  ASSERT_FALSE(refused);
  store.broken = true;
  EXPECT_EQ(must_not(kAnn, by_key).code, Errc::unavailable) << "it cannot be recorded";
  EXPECT_EQ(must_not(kAnn, by_id).code, Errc::unavailable);
  store.broken = false;
  must(kAnn, by_key, false);
  must(kAnn, by_id, false);
}

TEST_F(SubmissionsTest, ARepeatWaitsForTheFirst) {
  JobTable table;
  Submissions submissions(store, table);
  for (const Once& once : {by_key, by_id}) {
    auto first = std::make_unique<util::Result<Submissions::Turn>>(submissions.begin(once, kAnn.name));
    ASSERT_TRUE(*first);
    auto repeat = std::async(std::launch::async, [&] { return submissions.begin(once, kAnn.name).has_value(); });
    EXPECT_TRUE(submissions.begin({"", "another", ""}, kAnn.name)) << "it is only the same that waits";
    EXPECT_EQ(repeat.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
    first.reset();
    EXPECT_TRUE(repeat.get());
  }
}

TEST_F(SubmissionsTest, AnOldKeyIsFree) {
  JobTable table;
  Submissions submissions(store, table);
  const auto now = std::chrono::system_clock::now();
  submissions.keep({kAnn.name, "key", "another", "a", now - store::kKeyLife - std::chrono::seconds(1)});
  submissions.keep({kAnn.name, "younger", "digest", "b", now - store::kKeyLife + std::chrono::minutes(1)});
  const auto turn = submissions.begin(by_key, kAnn.name);
  ASSERT_TRUE(turn);
  EXPECT_EQ(turn->before(), nullptr);
  EXPECT_EQ(submissions.begin({"", "younger", "digest"}, kAnn.name).error().code, Errc::gone);
}

TEST_F(SubmissionsTest, ThereAreSoManyKeysAndNoMore) {
  JobTable table;
  Submissions submissions(store, table);
  const auto now = std::chrono::system_clock::now();
  for (std::size_t i = 0; i < Submissions::kMostKeys; ++i) {
    submissions.keep({kAnn.name, std::to_string(i), "digest", "a", now});
  }
  EXPECT_EQ(submissions.begin(by_key, kAnn.name).error().code, Errc::exhausted);
  EXPECT_EQ(submissions.begin({"", "17", "digest"}, kAnn.name).error().code, Errc::gone) << "known as before";
}

}  // namespace
}  // namespace spliced::job
