// SPDX-License-Identifier: Apache-2.0
#include "spliced/job/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "plan/plan.h"
#include "service_impl.h"

namespace spliced::job {

using util::Nanos;
using util::Result;

namespace {

// An overview waits for less than a job does: a disk that is asleep is told as one that does not answer.
constexpr Nanos kOverviewPatience = util::kSecond / 4;  // with one disk
constexpr Nanos kOverviewLimit = 2 * util::kSecond;     // with all

DeviceStatus status_of(const device::TargetAdmission& admission, const device::BlockNode& node,
                       const std::optional<device::Inspection>& inspection) {
  DeviceStatus status;
  status.facts = inspection ? inspection->facts : totals::facts_of(node);
  status.read_only = node.read_only;
  if (!inspection) status.refusals.emplace_back("does not answer, or is being looked at");
  if (inspection) {
    for (const auto& refusal : inspection->refusals) status.refusals.push_back(refusal.text);
  }
  status.job = admission.job_holding(device::block_id(node.number), device::block_id(node.whole));
  return status;
}

std::vector<DeviceStatus> look_over(const device::TargetAdmission& admission,
                                    const std::vector<device::BlockNode>& nodes,
                                    const std::shared_ptr<const device::BlockTopology>& host) {
  device::Access access;
  access.destructive = true;
  access.signatures_last = true;
  const auto paths = std::make_shared<std::vector<std::string>>();
  for (const auto& node : nodes) paths->push_back("/dev/" + node.name);
  const auto answers = device::ask_each<std::optional<device::Inspection>>(
      admission.lookout(), *paths,
      [&admission, access, host, paths](std::size_t i) -> std::optional<device::Inspection> {
        const auto right = admission.look_alone((*paths)[i], util::system_clock().now() + kOverviewPatience);
        return right ? std::optional(admission.inspect((*paths)[i], access, *host)) : std::nullopt;
      },
      kOverviewPatience, util::system_clock().now() + kOverviewLimit);
  std::vector<DeviceStatus> out;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    out.push_back(status_of(admission, nodes[i], answers[i].value_or(std::nullopt)));
  }
  return out;
}

}  // namespace

JobService::JobService(ServiceSetup setup) : impl_(std::make_unique<Impl>(std::move(setup))) {}
JobService::~JobService() = default;

util::Status JobService::restore() {
  return impl_->restore();
}
Result<JobSnapshot> JobService::submit(const JobSpec& spec, const access::Principal& who) {
  return impl_->submit(spec, who);
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
EventPage JobService::recent_events(std::uint64_t after, std::size_t limit) const {
  return impl_->events_.recent(after, limit);
}
Result<EventPage> JobService::events(std::uint64_t after, std::size_t limit) const {
  return impl_->events_.read(after, limit);
}
std::uint64_t JobService::last_event() const {
  return impl_->events_.last();
}
std::shared_ptr<void> JobService::on_event(std::function<void(const Event&)> listener) {
  return impl_->events_.subscribe(std::move(listener));
}

std::vector<DeviceStatus> JobService::devices() const {
  const auto host = std::make_shared<const device::BlockTopology>(impl_->setup_.admission.host());
  std::vector<device::BlockNode> nodes;
  std::copy_if(host->blocks.begin(), host->blocks.end(), std::back_inserter(nodes),
               [](const device::BlockNode& node) { return node.size != 0; });
  return look_over(impl_->setup_.admission, nodes, host);
}

Result<DeviceStatus> JobService::device(const std::string& name) const {
  const auto host = std::make_shared<const device::BlockTopology>(impl_->setup_.admission.host());
  const device::BlockNode* node = host->find(name);
  if (node == nullptr) return util::fail(util::Errc::not_found, fmt::format("there is no block device {}", name));
  return look_over(impl_->setup_.admission, {*node}, host).front();
}

const engine::Capabilities& JobService::capabilities() const {
  static const engine::Capabilities capabilities = engine::probe_capabilities();
  return capabilities;
}

void JobService::look_at_targets() const {
  impl_->look_at_targets();
}

}  // namespace spliced::job
