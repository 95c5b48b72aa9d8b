#include "spliced/job/service.h"

#include <fmt/format.h>

#include "plan.h"
#include "service_impl.h"

namespace spliced::job {

using util::Nanos;
using util::Result;

namespace {

DeviceStatus status_of(const device::Gate& gate, const device::HostView& host, const device::BlockNode& node,
                       bool may_read) {
  device::Access access;
  access.destructive = true;
  access.signatures_last = true;
  access.no_signatures = !may_read;
  device::Inspection inspection = gate.inspect("/dev/" + node.name, access, host);
  DeviceStatus status;
  status.facts = std::move(inspection.facts);
  status.read_only = node.read_only;
  if (!may_read && inspection.refusals.empty()) {
    inspection.refusals.push_back(
        {"has signatures that are not known: another request still waits for a disk to answer"});
  }
  for (auto& refusal : inspection.refusals) status.refusals.push_back(std::move(refusal.reason));
  status.job = gate.job_holding(device::block_id(node.number), device::block_id(node.whole));
  return status;
}

}  // namespace

JobService::JobService(ServiceSetup setup) : impl_(std::make_unique<Impl>(std::move(setup))) {}
JobService::~JobService() = default;

util::Status JobService::restore() {
  return impl_->restore();
}
Result<JobSnapshot> JobService::submit(const JobSpec& spec) {
  return impl_->submit(spec);
}
PlanReport JobService::validate(const JobSpec& spec) const {
  return report_plan(impl_->setup_.gate, spec);
}
std::vector<JobSnapshot> JobService::list(const JobFilter& filter) const {
  return impl_->list(filter);
}
Result<JobSnapshot> JobService::get(const std::string& id) const {
  return impl_->get(id);
}
Result<JobSnapshot> JobService::wait(const std::string& id, Nanos timeout, const std::function<bool()>& gone) const {
  return impl_->wait(id, timeout, gone);
}
Result<JobSnapshot> JobService::cancel(const std::string& id) {
  return impl_->cancel(id);
}
util::Status JobService::forget(const std::string& id) {
  return impl_->forget(id);
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
void JobService::begin_shutdown() {
  impl_->begin_shutdown();
}
bool JobService::stop_all(Nanos limit) {
  return impl_->stop_all(limit);
}
void JobService::on_state_change(std::function<void(const StateChange&)> listener) {
  impl_->listener_ = std::move(listener);
}

std::vector<DeviceStatus> JobService::devices() const {
  const device::HostView host = impl_->setup_.gate.host();
  // One overview at a time reads from idle disks: one that does not answer costs one thread, not all of them.
  const std::unique_lock reading(impl_->overview_mutex_, std::try_to_lock);
  const bool may_read = reading.owns_lock();
  std::vector<DeviceStatus> out;
  for (const auto& node : host.blocks) {
    if (node.size != 0) out.push_back(status_of(impl_->setup_.gate, host, node, may_read));
  }
  return out;
}

Result<DeviceStatus> JobService::device(const std::string& name) const {
  const device::HostView host = impl_->setup_.gate.host();
  const device::BlockNode* node = host.find(name);
  if (node == nullptr) return util::fail(util::Errc::not_found, fmt::format("there is no block device {}", name));
  const std::unique_lock reading(impl_->overview_mutex_, std::try_to_lock);
  return status_of(impl_->setup_.gate, host, *node, reading.owns_lock());
}

const engine::Capabilities& JobService::capabilities() const {
  static const engine::Capabilities capabilities = engine::probe_capabilities();
  return capabilities;
}

void JobService::introduce_devices() {
  const device::HostView host = impl_->setup_.gate.host();
  for (const auto& node : host.blocks) {
    if (node.size == 0 || !impl_->setup_.gate.allows("/dev/" + node.name)) continue;
    device::TargetFacts facts;
    facts.name = node.name;
    facts.path = "/dev/" + node.name;
    facts.block_device = true;
    facts.size = node.size;
    facts.info = node.info;
    impl_->introduce(facts);
  }
}

}  // namespace spliced::job
