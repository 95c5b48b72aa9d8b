// SPDX-License-Identifier: Apache-2.0
#include "spliced/job/service.h"

#include "plan/plan.h"
#include "service_impl.h"

namespace spliced::job {

using util::Nanos;
using util::Result;

JobService::JobService(ServiceSetup setup) : impl_(std::make_unique<Impl>(std::move(setup))) {}
JobService::~JobService() = default;

util::Status JobService::restore() {
  return impl_->restore();
}
Result<JobSnapshot> JobService::submit(const JobSpec& spec, const access::Principal& who) {
  auto submitted = impl_->submit_once(spec, who, {});
  if (!submitted) return tl::unexpected(submitted.error());
  return std::move(submitted->job);
}
Result<Submitted> JobService::submit_once(const JobSpec& spec, const access::Principal& who, const Once& once) {
  return impl_->submit_once(spec, who, once);
}
plan::PlanReport JobService::validate(const JobSpec& spec, const access::Principal& who) const {
  plan::PlanReport report = plan::report_plan(impl_->setup_.admission, spec);
  if (const auto allowed = may_submit(spec, who); !allowed) {
    report.errors.push_back({"destructive", allowed.error().message, util::Reason::forbidden});
  }
  return report;
}
JobPage JobService::list(const JobFilter& filter, const PageRange& range) const {
  return impl_->list(filter, range);
}
Result<JobView> JobService::open(const std::string& id) const {
  return impl_->open(id);
}
Result<JobSnapshot> JobService::get(const std::string& id) const {
  const auto view = impl_->open(id);
  if (!view) return tl::unexpected(view.error());
  return whole(*view);
}
Result<JobSummary> JobService::wait(const std::string& id, Nanos timeout, const std::function<bool()>& gone) const {
  return impl_->wait(id, timeout, gone);
}
Result<JobSummary> JobService::cancel(const std::string& id, const access::Principal& who) {
  return impl_->cancel(id, who);
}
Result<JobSummary> JobService::pause(const std::string& id, const access::Principal& who) {
  return impl_->pause(id, who);
}
Result<JobSummary> JobService::resume(const std::string& id, const access::Principal& who) {
  return impl_->resume(id, who);
}
util::Status JobService::forget(const std::string& id, const access::Principal& who) {
  return impl_->forget(id, who);
}
Telemetry JobService::telemetry() const {
  return impl_->telemetry();
}
bool JobService::alive(Nanos limit) const {
  return impl_->alive(limit);
}
bool JobService::accepting() const {
  return impl_->accepting();
}

std::size_t JobService::unrecorded() const {
  return impl_->unrecorded();
}
util::Nanos JobService::record_delay() const {
  return impl_->record_delay();
}
void JobService::begin_shutdown() {
  impl_->begin_shutdown();
}
bool JobService::stop_all(Nanos limit) {
  return impl_->stop_all(limit);
}
EventPage JobService::recent_events(std::uint64_t after, std::size_t limit, const std::string& job) const {
  return impl_->events_.recent(after, limit, job);
}
Result<EventPage> JobService::events(std::uint64_t after, std::size_t limit, const std::string& job) const {
  return impl_->events_.read(after, limit, job);
}
std::uint64_t JobService::last_event() const {
  return impl_->events_.last();
}
std::shared_ptr<void> JobService::on_event(std::function<void(const Event&)> listener) {
  return impl_->events_.subscribe(std::move(listener));
}

std::vector<DeviceStatus> JobService::devices() const {
  return totals::all_devices(impl_->setup_.admission);
}
Result<DeviceStatus> JobService::device(const std::string& name) const {
  return totals::one_device(impl_->setup_.admission, name);
}

const engine::Capabilities& JobService::capabilities() const {
  static const engine::Capabilities capabilities = engine::probe_capabilities();
  return capabilities;
}

void JobService::look_at_targets() const {
  impl_->look_at_targets();
}

}  // namespace spliced::job
