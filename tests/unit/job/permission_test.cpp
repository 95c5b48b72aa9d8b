// SPDX-License-Identifier: Apache-2.0
// Who may submit, stop and forget which jobs.
#include <gtest/gtest.h>

#include "service_fixture.h"

namespace spliced::job {
namespace {

using access::Principal;
using access::Scope;
using namespace testing;

class PermissionTest : public ServiceFixture {
 protected:
  void SetUp() override {
    path = dir.file("a.dat", 64 * 1024);
    start(null_engines());
  }
  std::string path;
  const Principal reader{"token:reader", Scope::read}, runner{"token:runner", Scope::run},
      other{"token:other", Scope::run}, destroyer{"uid:0", Scope::destroy};
};

TEST_F(PermissionTest, WhoMayRunSubmitsWhatOnlyReads) {
  for (const auto& [who, reads, writes] :
       {std::tuple{reader, false, false}, {runner, true, false}, {destroyer, true, true}}) {
    for (const bool destructive : {false, true}) {
      const auto job = service->submit(destructive ? writing({path}) : reading({path}), who);
      EXPECT_EQ(job.has_value(), destructive ? writes : reads) << who.name;
      if (job) {
        EXPECT_EQ(wait(job->id).created_by, who.name);
      } else {
        EXPECT_EQ(job.error().code, util::Errc::forbidden);
        EXPECT_EQ(util::reason_of(job.error()), util::Reason::forbidden);
        EXPECT_TRUE(contains(job.error().message, who.name)) << job.error().message;
      }
    }
  }
}

TEST_F(PermissionTest, NobodyWithoutTheScopeLearnsWhatIsInTheWay) {
  const auto job = service->submit(writing({dir.path() + "/missing"}), runner);
  ASSERT_FALSE(job);
  EXPECT_EQ(job.error().code, util::Errc::forbidden);
  EXPECT_FALSE(contains(job.error().message, "missing"));
}

TEST_F(PermissionTest, ValidateSaysWhatSubmitWould) {
  const auto forbidden = [&](const JobSpec& spec, const Principal& who) {
    const plan::PlanReport report = service->validate(spec, who);
    const bool said = std::any_of(report.errors.begin(), report.errors.end(),
                                  [](const auto& error) { return error.reason == util::Reason::forbidden; });
    EXPECT_EQ(report.accepted(), !said);
    return said;
  };
  EXPECT_TRUE(forbidden(reading({path}), reader));
  EXPECT_FALSE(forbidden(reading({path}), runner));
  EXPECT_TRUE(forbidden(writing({path}), runner));
  EXPECT_FALSE(forbidden(writing({path}), destroyer));
}

TEST_F(PermissionTest, OnesOwnJobsAreStoppedAndForgotten) {
  const std::string id = service->submit(endless({path}), runner).value().id;
  for (const auto* who : {&reader, &other}) {
    const auto refused = service->cancel(id, *who);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, util::Errc::forbidden);
    EXPECT_TRUE(contains(refused.error().message, "is that of token:runner")) << refused.error().message;
    EXPECT_EQ(service->forget(id, *who).error().code, util::Errc::forbidden) << "before its state is told";
  }
  EXPECT_EQ(state_of(id), State::running);
  EXPECT_TRUE(service->cancel(id, runner));
  (void)wait(id);
  EXPECT_FALSE(service->forget(id, other));
  EXPECT_TRUE(service->forget(id, runner));
  EXPECT_EQ(service->cancel(id, other).error().code, util::Errc::not_found);
}

TEST_F(PermissionTest, WhoMayDoEverythingMayStopAnyJob) {
  const std::string id = service->submit(endless({path}), runner).value().id;
  EXPECT_TRUE(service->cancel(id, destroyer));
  (void)wait(id);
  EXPECT_TRUE(service->forget(id, destroyer));
}

TEST_F(PermissionTest, AJobOfAnEarlierDaemonIsStillItsOwners) {
  const std::string id = service->submit(reading({path}), runner).value().id;
  (void)wait(id);
  EXPECT_TRUE(await([&] { return service->record_delay() == 0 && service->unrecorded() == 0; }));
  ASSERT_TRUE(service->stop_all(kPatienceNanos));
  service.reset();
  start(null_engines());
  ASSERT_TRUE(service->restore());
  EXPECT_EQ(service->list({}).at(0).created_by, "token:runner");
  EXPECT_FALSE(service->forget(id, other));
  EXPECT_TRUE(service->forget(id, runner));
}

}  // namespace
}  // namespace spliced::job
