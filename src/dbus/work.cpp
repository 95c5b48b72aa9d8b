// SPDX-License-Identifier: Apache-2.0
#include "work.h"

#include <utility>

#include "spliced/util/deed.h"

namespace spliced::dbus {

Work submit(const BusSetup& setup, std::string definition) {
  const auto run = [&setup, definition = std::move(definition)](const access::Principal& who,
                                                                const std::string& peer) -> Outcome {
    auto job = setup.submit(definition, who);
    if (!job) return std::move(job.error());
    util::Subject about{job->id, job->spec.targets, {}};
    for (const auto& device : job->devices) about.devices.push_back(device.facts.name);
    util::log_deed(setup.log, {"Submit", peer, "done", true, "", std::move(about)});
    return JobId{std::move(job->id)};
  };
  return {"", run};
}

Work validate(const BusSetup& setup, std::string definition) {
  const auto run = [&setup, definition = std::move(definition)](const access::Principal& who,
                                                                const std::string&) -> Outcome {
    auto plan = setup.validate(definition, who);
    if (!plan) return std::move(plan.error());
    return std::move(*plan);
  };
  return {"", run};
}

namespace {

using Control = util::Result<job::JobSummary> (job::JobService::*)(const std::string&, const access::Principal&);

Work control(const BusSetup& setup, std::string id, Control deed, const char* name) {
  const auto run = [&setup, id, deed, name](const access::Principal& who, const std::string& peer) -> Outcome {
    auto job = (setup.service.*deed)(id, who);
    if (!job) return std::move(job.error());
    util::log_deed(setup.log, {name, peer, "done", true, "", {id, job->targets, job->devices}});
    return {};
  };
  return {std::move(id), run};
}

}  // namespace

Work cancel(const BusSetup& setup, std::string id) {
  return control(setup, std::move(id), &job::JobService::cancel, "Cancel");
}

Work pause(const BusSetup& setup, std::string id) {
  return control(setup, std::move(id), &job::JobService::pause, "Pause");
}

Work resume(const BusSetup& setup, std::string id) {
  return control(setup, std::move(id), &job::JobService::resume, "Resume");
}

Work forget(const BusSetup& setup, std::string id) {
  const auto run = [&setup, id](const access::Principal& who, const std::string& peer) -> Outcome {
    if (auto done = setup.service.forget(id, who); !done) return std::move(done.error());
    util::log_deed(setup.log, {"Forget", peer, "done", true, "", {id, {}, {}}});
    return {};
  };
  return {std::move(id), run};
}

Work get_job(const BusSetup& setup, std::string id) {
  const auto run = [&setup, id](const access::Principal&, const std::string&) -> Outcome {
    auto job = setup.service.wait(id, 0);  // not at all
    if (!job) return std::move(job.error());
    return JobObject{std::move(job->id)};
  };
  return {std::move(id), run};
}

Work list_jobs(const BusSetup& setup) {
  return {"", [&setup](const auto&, const auto&) -> Outcome { return setup.service.list({}); }};
}

Work list_devices(const BusSetup& setup) {
  return {"", [&setup](const auto&, const auto&) -> Outcome { return setup.service.devices(); }};
}

}  // namespace spliced::dbus
